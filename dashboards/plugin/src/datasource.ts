import { CoreApp, type DataSourceInstanceSettings, type ScopedVars, type TimeRange } from '@grafana/data';
import { DataSourceWithBackend, getTemplateSrv, type TemplateSrv } from '@grafana/runtime';

import type { Label, LabelValues } from './api.gen';
import { expanded, filters, type SondeOptions, type SondeQuery } from './query';
import { LabelVariables } from './variables';

/** Asks a hub through the backend; what panels show is computed there, so that alerts see the same. */
export class SondeDataSource extends DataSourceWithBackend<SondeQuery, SondeOptions> {
  constructor(
    settings: DataSourceInstanceSettings<SondeOptions>,
    readonly templateSrv: TemplateSrv = getTemplateSrv()
  ) {
    super(settings);
    this.variables = new LabelVariables(this);
  }

  override getDefaultQuery(app: CoreApp): Partial<SondeQuery> {
    return app === CoreApp.Explore ? { question: 'runs' } : { question: 'series', measure: 'failure_ratio' };
  }

  // A panel of a trace that nobody has chosen yet is empty, not at fault.
  override filterQuery(query: SondeQuery): boolean {
    switch (query.question) {
      case undefined:
        return false;
      case 'trace':
        return Boolean(expanded(query, this.templateSrv).traceId);
      case 'labels':
        return Boolean(query.label);
      default:
        return true;
    }
  }

  override applyTemplateVariables(query: SondeQuery, scoped: ScopedVars): SondeQuery {
    return expanded(query, this.templateSrv, scoped);
  }

  override getQueryDisplayText(query: SondeQuery): string {
    const chosen = filters.filter(({ name }) => query[name]?.length).map(({ name, title }) => `${title}: ${query[name]?.join(', ')}`);
    return [query.question, query.label ?? query.traceId ?? '', ...chosen].filter(Boolean).join(' · ');
  }

  /** labelValues returns what label can be that contains search, as runs of the range have it. */
  async labelValues(label: Label, search: string, range?: TimeRange): Promise<string[]> {
    const times = range && { from: range.from.toISOString(), to: range.to.toISOString() };
    const answer: LabelValues = await this.getResource('labels', { label, ...(search && { search }), ...times });
    return answer.values;
  }

  /** variableNames returns the dashboard's variables as a filter names them. */
  variableNames(): string[] {
    return this.templateSrv.getVariables().map(({ name }) => `$${name}`);
  }
}
