import { useRef } from 'react';

import type { SondeQuery } from './query';

/** A Change replaces a part of a query. */
export type Change = (query: SondeQuery) => SondeQuery;

/**
 * useQuery returns a function that changes the query as it is now. Two fields
 * can change before Grafana draws again, as where the click that chooses a
 * question takes the focus from a field: built on the query as it was drawn,
 * the second change would take back the first.
 */
export function useQuery(drawn: SondeQuery, onChange: (query: SondeQuery) => void, onRunQuery: () => void): (change: Change) => void {
  const last = useRef(drawn);
  const now = useRef(drawn);
  if (last.current !== drawn) {
    last.current = drawn;
    now.current = drawn;
  }
  return (change) => {
    now.current = change(now.current);
    onChange(now.current);
    onRunQuery();
  };
}
