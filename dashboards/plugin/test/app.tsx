import {
  FieldType,
  LoadingState,
  applyFieldOverrides,
  createTheme,
  dateTime,
  getDefaultTimeRange,
  type DataFrame,
  type DataQueryRequest,
  type DataSourceInstanceSettings,
  type DataSourceSettings,
  type TestDataSourceResponse,
} from '@grafana/data';
import { Alert, Button, Table } from '@grafana/ui';
import { useMemo, useRef, useState } from 'react';
import { lastValueFrom } from 'rxjs';

import type { SondeDataSource } from '../src/datasource';
import type { plugin as Plugin } from '../src/module';
import type { SondeOptions, SondeQuery, SondeSecrets } from '../src/query';
import type { LabelVariables } from '../src/variables';

interface PartProps {
  plugin: typeof Plugin;
  source: SondeDataSource;
}

const settings = {
  id: 1,
  uid: new URLSearchParams(location.search).get('uid') ?? 'sonde',
  type: 'sonde-media-datasource',
  name: 'Sonde',
  jsonData: {},
} as DataSourceInstanceSettings<SondeOptions>;

/** What the test reads beside the page: every query as the editor emitted it. */
const record: { emitted: SondeQuery[]; source?: SondeDataSource; settings?: unknown } = { emitted: [] };
Object.assign(window, { record });

/** Grafana may draw a changed query some time after it was told, in milliseconds. */
const LATE = 100;

/** One editor a page, by the address: #query, #variable or #config; ?uid= says of which data source. */
export function App({ plugin }: { plugin: typeof Plugin }) {
  const source = useMemo(() => new plugin.DataSourceClass(settings), [plugin]);
  record.source = source;
  const Part = { '#variable': Variable, '#config': Config }[location.hash] ?? Query;
  return (
    <div style={{ padding: 16 }}>
      <Part plugin={plugin} source={source} />
    </div>
  );
}

function request(query: SondeQuery): DataQueryRequest<SondeQuery> {
  const range = { ...getDefaultTimeRange(), to: dateTime() };
  return { app: 'panel-editor', requestId: 'q1', interval: '1m', intervalMs: 60_000, maxDataPoints: 300, range, scopedVars: {}, startTime: 0, timezone: 'utc', targets: [query] };
}

function Query({ plugin, source }: PartProps) {
  const [query, setQuery] = useState<SondeQuery>({ refId: 'A', ...source.getDefaultQuery('panel-editor' as never) } as SondeQuery);
  const last = useRef(query);
  const [frames, setFrames] = useState<DataFrame[]>([]);
  const [error, setError] = useState('');
  const Editor = plugin.components.QueryEditor!;
  const change = (q: SondeQuery) => {
    record.emitted.push(q);
    last.current = q;
    setTimeout(() => setQuery(q), LATE);
  };
  const run = async () => {
    const answer = source.filterQuery(last.current) ? await lastValueFrom(source.query(request(last.current))) : { data: [] };
    setFrames(answer.data);
    setError(answer.errors?.map((e) => e.message).join('; ') ?? '');
  };
  return (
    <>
      <Editor datasource={source} query={query} onChange={change} onRunQuery={run} range={getDefaultTimeRange()} data={{ state: LoadingState.Done, series: frames, timeRange: getDefaultTimeRange() }} />
      {error && <Alert title={error} />}
      <Frames frames={frames} />
    </>
  );
}

function Frames({ frames }: { frames: DataFrame[] }) {
  const theme = createTheme();
  const drawn = applyFieldOverrides({ data: frames, theme, timeZone: 'utc', replaceVariables: (text) => text, fieldConfig: { defaults: {}, overrides: [] } });
  return drawn.map((frame, i) => (
    <section key={i} data-testid="frame" data-rows={frame.length} data-fields={frame.fields.map((f) => f.name).join(' ')}>
      <h5>{frame.name ?? frame.fields.find((f) => f.type === FieldType.number)?.labels?.region ?? ''}</h5>
      <Table data={frame} width={1200} height={Math.min(60 + 36 * frame.length, 320)} />
    </section>
  ));
}

function Variable({ source }: PartProps) {
  const [query, setQuery] = useState({ refId: 'V', ...source.variables!.getDefaultQuery!() } as SondeQuery);
  const [values, setValues] = useState<string[]>([]);
  const support = source.variables as LabelVariables;
  const Editor = support.editor;
  const list = async (q: SondeQuery) => {
    const answer = await lastValueFrom(support.query(request(q)));
    setValues(answer.data.flatMap((frame: DataFrame) => frame.fields[0]?.values ?? []));
  };
  const change = (q: SondeQuery) => {
    record.emitted.push(q);
    setQuery(q);
    void list(q);
  };
  return (
    <>
      <Editor datasource={source} query={query} onChange={change} onRunQuery={() => undefined} />
      <ul data-testid="values">
        {values.map((value) => (
          <li key={value}>{value}</li>
        ))}
      </ul>
    </>
  );
}

function Config({ plugin, source }: PartProps) {
  const [options, setOptions] = useState({ ...settings, url: '', secureJsonFields: {}, secureJsonData: {} } as unknown as DataSourceSettings<SondeOptions, SondeSecrets>);
  const [health, setHealth] = useState<TestDataSourceResponse>();
  const Editor = plugin.components.ConfigEditor!;
  record.settings = options;
  const test = () => source.testDatasource().then(setHealth, setHealth);
  return (
    <>
      <Editor options={options} onOptionsChange={setOptions} />
      <Button onClick={test}>Save & test</Button>
      {health && <Alert title={health.message} severity={health.status === 'success' ? 'success' : 'error'} />}
    </>
  );
}
