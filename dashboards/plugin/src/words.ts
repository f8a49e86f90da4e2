import type { ComboboxOption } from '@grafana/ui';

import type { Format, Label, Measure, Question } from './api.gen';

/** What an entry of a list is called, and what it means. */
export type Words<T extends string> = Record<T, { title: string; meaning?: string }>;

export const questionWords: Words<Question> = {
  matrix: { title: 'Matrix', meaning: 'Region × target: how is each now, since when' },
  series: { title: 'Series', meaning: 'Failure by region over time; alerts ask this' },
  runs: { title: 'Runs', meaning: 'The newest runs as a table' },
  trace: { title: 'Trace', meaning: 'One run, step by step' },
  labels: { title: 'Label values', meaning: 'For variables' },
};

export const measureWords: Words<Measure> = {
  failure_ratio: { title: 'Failure ratio', meaning: 'Failed runs over those that could tell, 0 to 1' },
  failed: { title: 'Failed runs' },
  degraded: { title: 'Degraded runs' },
  runs: { title: 'All runs' },
};

export const formatWords: Words<Format> = {
  table: { title: 'Table', meaning: 'A row for each region and target' },
  grid: { title: 'Grid', meaning: 'Targets as rows, regions as columns' },
  time_series: { title: 'Time series', meaning: 'Numbers over time' },
  state: { title: 'States', meaning: 'Outcomes over time, for a state timeline' },
  trace: { title: 'Trace' },
};

export const labelWords: Words<Label> = {
  region: { title: 'Region', meaning: 'Where agents stand' },
  target: { title: 'Target', meaning: 'What is probed' },
  service: { title: 'Service', meaning: 'What the public knows targets as' },
  kind: { title: 'Kind', meaning: 'feed, enclosure, page' },
  code: { title: 'Code', meaning: 'Why runs failed' },
  culprit: { title: 'Culprit', meaning: 'Hosts at whose steps runs failed' },
};

/** optionsOf returns the entries of a list of values. */
export function optionsOf<T extends string>(values: readonly T[], words: Words<T>): Array<ComboboxOption<T>> {
  return values.map((value) => ({ value, label: words[value].title, description: words[value].meaning }));
}
