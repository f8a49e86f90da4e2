import type { TimeRange } from '@grafana/data';
import { InlineFieldRow } from '@grafana/ui';

import { outcomes } from './api.gen';
import type { SondeDataSource } from './datasource';
import { ListField } from './fields';
import { filters, type SondeQuery } from './query';
import type { Change } from './useQuery';

/** What every part of an editor is given. */
export interface PartProps {
  /** makes a field's id, of which a page can have several editors */
  id: (name: string) => string;
  query: SondeQuery;
  change: (change: Change) => void;
}

interface Props extends PartProps {
  datasource: SondeDataSource;
  range?: TimeRange;
}

/** What a question can be narrowed by. */
export function Filters({ id, query, change, datasource, range }: Props) {
  return (
    <InlineFieldRow>
      {filters.map(({ name, title, label, tooltip }) => (
        <ListField
          key={name}
          id={id(name)}
          title={title}
          tooltip={tooltip}
          values={query[name] ?? []}
          fixed={[...datasource.variableNames(), ...(label ? [] : outcomes)]}
          search={async (text) => (label ? datasource.labelValues(label, text, range) : [])}
          onCommit={(to) => change((q) => ({ ...q, [name]: to(q[name] ?? []) }))}
        />
      ))}
    </InlineFieldRow>
  );
}
