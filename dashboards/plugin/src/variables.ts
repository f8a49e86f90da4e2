import { CustomVariableSupport, type DataQueryRequest, type DataQueryResponse } from '@grafana/data';
import type { Observable } from 'rxjs';

import type { SondeDataSource } from './datasource';
import type { SondeQuery } from './query';
import { VariableQueryEditor } from './VariableQueryEditor';

/** Dashboard variables that list the values of a label. */
export class LabelVariables extends CustomVariableSupport<SondeDataSource, SondeQuery> {
  editor = VariableQueryEditor;

  constructor(private readonly source: SondeDataSource) {
    super();
    this.query = this.query.bind(this); // Grafana calls it without its object
  }

  query(request: DataQueryRequest<SondeQuery>): Observable<DataQueryResponse> {
    return this.source.query(request);
  }

  override getDefaultQuery(): Partial<SondeQuery> {
    return { question: 'labels', label: 'region' };
  }
}
