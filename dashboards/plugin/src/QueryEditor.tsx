import type { QueryEditorProps } from '@grafana/data';
import { Combobox, InlineField, InlineFieldRow } from '@grafana/ui';

import { DEFAULT_LIMIT, MAX_LIMIT, formatsOf, measures, questions, type Question } from './api.gen';
import type { SondeDataSource } from './datasource';
import { LABEL_WIDTH, TextField } from './fields';
import { Filters, type PartProps } from './filters';
import { withQuestion, type SondeOptions, type SondeQuery } from './query';
import { useQuery } from './useQuery';
import { formatWords, measureWords, optionsOf, questionWords } from './words';

type Props = QueryEditorProps<SondeDataSource, SondeQuery, SondeOptions>;

/** The editor of a panel's query: a question, and below it what the question can be narrowed by. */
export function QueryEditor({ datasource, query, range, onChange, onRunQuery }: Props) {
  const change = useQuery(query, onChange, onRunQuery);
  const part: PartProps = { id: (name) => `sonde-${query.refId}-${name}`, query, change };
  return (
    <>
      <InlineFieldRow>
        <QuestionField {...part} />
        {query.question === 'series' && <MeasureField {...part} />}
        {query.question && formatsOf[query.question].length > 1 && <FormatField {...part} question={query.question} />}
        {query.question === 'runs' && <LimitField {...part} />}
      </InlineFieldRow>
      {query.question === 'trace' ? <TraceField {...part} /> : <Filters {...part} datasource={datasource} range={range} />}
    </>
  );
}

function QuestionField({ id, query, change }: PartProps) {
  return (
    <InlineField label="Question" htmlFor={id('question')} labelWidth={LABEL_WIDTH}>
      <Combobox
        id={id('question')}
        width={32}
        options={optionsOf(questions.filter((q) => q !== 'labels' || query.question === 'labels'), questionWords)}
        value={query.question ?? null}
        onChange={({ value }) => change((q) => withQuestion(q, value))}
      />
    </InlineField>
  );
}

function MeasureField({ id, query, change }: PartProps) {
  return (
    <InlineField label="Measure" htmlFor={id('measure')} disabled={query.format === 'state'} tooltip="What the series show; states are outcomes">
      <Combobox
        id={id('measure')}
        width={24}
        options={optionsOf(measures, measureWords)}
        value={query.measure || measures[0]}
        onChange={({ value }) => change((q) => ({ ...q, measure: value }))}
      />
    </InlineField>
  );
}

function FormatField({ id, query, question, change }: PartProps & { question: Question }) {
  return (
    <InlineField label="Format" htmlFor={id('format')} tooltip="The form that fits the panel">
      <Combobox
        id={id('format')}
        width={24}
        options={optionsOf(formatsOf[question], formatWords)}
        value={query.format || formatsOf[question][0]}
        onChange={({ value }) => change((q) => ({ ...q, format: value }))}
      />
    </InlineField>
  );
}

function LimitField({ id, query, change }: PartProps) {
  return (
    <TextField
      id={id('limit')}
      title="Limit"
      tooltip="The newest runs, at most"
      width={12}
      placeholder={String(DEFAULT_LIMIT)}
      value={query.limit ? String(query.limit) : ''}
      fault={limitFault}
      onCommit={(text) => change((q) => ({ ...q, limit: text === '' ? undefined : Number(text) }))}
    />
  );
}

function limitFault(text: string): string | undefined {
  const n = Number(text);
  const fits = text.trim() === '' || (Number.isInteger(n) && n >= 1 && n <= MAX_LIMIT);
  return fits ? undefined : `A whole number from 1 to ${MAX_LIMIT}`;
}

function TraceField({ id, query, change }: PartProps) {
  return (
    <TextField
      id={id('trace')}
      title="Trace ID"
      tooltip="The run's trace: 32 hexadecimal digits, or a variable"
      placeholder="$trace"
      value={query.traceId ?? ''}
      onCommit={(text) => change((q) => ({ ...q, traceId: text }))}
    />
  );
}
