// Grafana's services, as far as a data source asks for them: requests go to
// the server of this page, and there are two variables.

import type { ScopedVars } from '@grafana/data';
import type { BackendSrv, BackendSrvRequest, FetchResponse, TemplateSrv } from '@grafana/runtime';
import { from } from 'rxjs';

async function fetched<T>(request: BackendSrvRequest): Promise<FetchResponse<T>> {
  const search = new URLSearchParams(request.params).toString();
  const response = await fetch(request.url + (search && `?${search}`), {
    method: request.method,
    headers: { 'Content-Type': 'application/json', ...request.headers },
    body: request.data && JSON.stringify(request.data),
  });
  const answer = { data: await response.json(), status: response.status, statusText: response.statusText, ok: response.ok, config: request };
  if (!response.ok) {
    throw answer;
  }
  return answer as FetchResponse<T>;
}

export const backendSrv = { fetch: (request: BackendSrvRequest) => from(fetched(request)) } as unknown as BackendSrv;

const variables: Record<string, string | string[]> = { region: ['eu-west', 'us-east'], trace: '' };

type Format = string | ((value: string | string[]) => string);

export const templateSrv = {
  getVariables: () => Object.keys(variables).map((name) => ({ name })),
  replace: (text = '', scoped: ScopedVars = {}, format?: Format) =>
    text.replace(/\$(\w+)|\$\{(\w+)(?::(\w+))?\}/g, (whole, bare?: string, braced?: string, own?: Format) => {
      const value = scoped[bare ?? braced ?? '']?.value ?? variables[bare ?? braced ?? ''];
      return value === undefined ? whole : formatted(value, own ?? format);
    }),
} as unknown as TemplateSrv;

function formatted(value: string | string[], format?: Format): string {
  if (typeof format === 'function') {
    return format(value);
  }
  return format === 'csv' ? [value].flat().join(',') : Array.isArray(value) ? `{${value.join(',')}}` : value;
}
