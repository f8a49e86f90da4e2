import type { QueryEditorProps } from '@grafana/data';
import { Combobox, InlineField } from '@grafana/ui';

import { labels } from './api.gen';
import type { SondeDataSource } from './datasource';
import { LABEL_WIDTH } from './fields';
import { Filters } from './filters';
import type { SondeOptions, SondeQuery } from './query';
import { useQuery } from './useQuery';
import { labelWords, optionsOf } from './words';

type Props = QueryEditorProps<SondeDataSource, SondeQuery, SondeOptions, SondeQuery>;

/** The editor of a variable's query: the label whose values it lists, and of which runs. */
export function VariableQueryEditor({ datasource, query, range, onChange, onRunQuery }: Props) {
  const change = useQuery(query, onChange, onRunQuery);
  return (
    <>
      <InlineField label="Values of" htmlFor="sonde-variable-label" labelWidth={LABEL_WIDTH}>
        <Combobox
          id="sonde-variable-label"
          width={36}
          options={optionsOf(labels, labelWords)}
          value={query.label || null}
          onChange={({ value }) => change((q) => ({ ...q, refId: q.refId || 'labels', question: 'labels', label: value }))}
        />
      </InlineField>
      <Filters id={(name) => `sonde-variable-${name}`} query={query} change={change} datasource={datasource} range={range} />
    </>
  );
}
