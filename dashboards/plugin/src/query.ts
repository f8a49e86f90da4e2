import type { DataSourceJsonData, ScopedVars } from '@grafana/data';
import type { TemplateSrv } from '@grafana/runtime';
import type { DataQuery } from '@grafana/schema';

import { formatsOf, type Label, type PanelQuery, type Question, type Settings } from './api.gen';

/** What a panel saves: the hub's query model beside Grafana's own keys. */
export interface SondeQuery extends DataQuery, PanelQuery {}

/** What a data source saves where everybody may read it. */
export interface SondeOptions extends DataSourceJsonData, Settings {
  tlsAuthWithCACert?: boolean;
  tlsSkipVerify?: boolean;
  serverName?: string;
}

/** What a data source saves encrypted; Grafana never sends it back. */
export interface SondeSecrets {
  token?: string;
  tlsCACert?: string;
}

/** A part of a query that selects runs by a list of values. */
export type Filter = 'regions' | 'services' | 'targets' | 'kinds' | 'outcomes' | 'codes' | 'culprits';

/** The filters in the order in which they are shown; one without a label has a closed list of values. */
export const filters: ReadonlyArray<{ name: Filter; title: string; label?: Label; tooltip: string }> = [
  { name: 'regions', title: 'Region', label: 'region', tooltip: 'Where the agent stands' },
  { name: 'services', title: 'Service', label: 'service', tooltip: 'What the public knows the targets as' },
  { name: 'targets', title: 'Target', label: 'target', tooltip: 'What is probed' },
  { name: 'kinds', title: 'Kind', label: 'kind', tooltip: 'Feed, enclosure or page' },
  { name: 'outcomes', title: 'Outcome', tooltip: 'How the run ended' },
  { name: 'codes', title: 'Code', label: 'code', tooltip: 'Why it failed, such as tls_expired' },
  { name: 'culprits', title: 'Culprit', label: 'culprit', tooltip: 'The host at whose step it failed' },
];

/** withQuestion asks something else and keeps all that was filled in, but for a format that the question hasn't. */
export function withQuestion<Q extends PanelQuery>(query: Q, question: Question): Q {
  const fits = query.format !== undefined && formatsOf[question].includes(query.format);
  return { ...query, question, format: fits ? query.format : undefined };
}

/** expanded replaces the variables in all that a query says. */
export function expanded(query: SondeQuery, variables: TemplateSrv, scoped?: ScopedVars): SondeQuery {
  const result = { ...query };
  for (const { name } of filters) {
    if (query[name]) {
      result[name] = expandedList(query[name], variables, scoped);
    }
  }
  if (query.traceId) {
    result.traceId = variables.replace(query.traceId, scoped).trim();
  }
  return result;
}

const ALL = '$__all';

// A variable of several values stands for as many values of the filter, also
// in the middle of a text: "cdn-$n" is asked for as cdn-1 and cdn-2.
function expandedList(values: string[], variables: TemplateSrv, scoped?: ScopedVars): string[] {
  const texts = values.flatMap((value) => expandedText(value, variables, scoped)).filter((text) => text !== '');
  return texts.includes(ALL) ? [] : [...new Set(texts)];
}

function expandedText(text: string, variables: TemplateSrv, scoped?: ScopedVars): string[] {
  const lists: string[][] = [];
  const mark = (i: number) => `\u0000${i}\u0000`;
  const marked = variables.replace(text, scoped, (value: string | string[]) => mark(lists.push([value].flat()) - 1));
  return lists.reduce((texts, list, i) => texts.flatMap((t) => list.map((v) => t.replaceAll(mark(i), () => v))), [marked]);
}
