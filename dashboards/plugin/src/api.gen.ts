// Made by `go generate ./internal/api` of the Go types there; changes here are lost.

/** A Question is what a panel can ask. */
export type Question = 'matrix' | 'series' | 'runs' | 'trace' | 'labels';
export const questions: readonly Question[] = ['matrix', 'series', 'runs', 'trace', 'labels'];

/** A Format is the form that an answer takes. */
export type Format = 'table' | 'grid' | 'time_series' | 'state' | 'trace';
export const formats: readonly Format[] = ['table', 'grid', 'time_series', 'state', 'trace'];

/** A Measure is what a series shows. */
export type Measure = 'failure_ratio' | 'failed' | 'degraded' | 'runs';
export const measures: readonly Measure[] = ['failure_ratio', 'failed', 'degraded', 'runs'];

/** A Label is what variables can list. */
export type Label = 'region' | 'target' | 'service' | 'kind' | 'code' | 'culprit';
export const labels: readonly Label[] = ['region', 'target', 'service', 'kind', 'code', 'culprit'];

export type Outcome = 'ok' | 'degraded' | 'failed' | 'unknown';
export const outcomes: readonly Outcome[] = ['ok', 'degraded', 'failed', 'unknown'];

/** Says in which formats each question is answered, the default first. */
export const formatsOf: Record<Question, readonly Format[]> = {
  matrix: ['table', 'grid'],
  series: ['time_series', 'state'],
  runs: ['table'],
  trace: ['trace'],
  labels: ['table'],
};

/** What panels show in an outcome's place where agents send nothing any more. */
export const SILENT = 'silent';

export const DEFAULT_LIMIT = 100;
export const MAX_LIMIT = 10000;
export const MAX_BUCKETS = 2000;
export const MAX_LABEL_VALUES = 1000;
export const MAX_RANGE_DAYS = 400;

/** A PanelQuery is one query of a dashboard panel or variable, as it is saved in a dashboard. Filters left empty select everything. */
export interface PanelQuery {
  question: Question;
  /** "": the question's first in Formats */
  format?: Format;
  regions?: string[];
  services?: string[];
  targets?: string[];
  kinds?: string[];
  outcomes?: string[];
  codes?: string[];
  culprits?: string[];
  /** of a series; "": MeasureFailureRatio */
  measure?: Measure;
  /** of a trace */
  traceId?: string;
  /** of labels */
  label?: Label;
  /** of runs; 0: DefaultLimit */
  limit?: number;
}

/** LabelValues is the values that one label has, as an editor's completion and variables ask for them. */
export interface LabelValues {
  label: Label;
  values: string[];
  /** of values, also beyond MaxLabelValues */
  total: number;
}

/** Settings are the data source's, as Grafana keeps them in jsonData, besides those of HTTP. URL and token stand where Grafana keeps such. */
export interface Settings {
  /** where a person's browser finds the hub; "": the data source's URL */
  publicUrl?: string;
  /** seconds in which a question must be answered; 0: 10 */
  timeout?: number;
}
