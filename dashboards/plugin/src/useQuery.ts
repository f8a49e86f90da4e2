import { useRef } from 'react';

import type { SondeQuery } from './query';

/** A Change replaces a part of a query. */
export type Change = (query: SondeQuery) => SondeQuery;

/**
 * useQuery returns a function that changes the query as it is now. Two fields
 * can change before Grafana draws again, as where the click that takes a value
 * away takes the focus from another field too: built on the query as it was
 * drawn, the second change would take back the first.
 */
export function useQuery(drawn: SondeQuery, onChange: (query: SondeQuery) => void, onRunQuery: () => void): (change: Change) => void {
  const now = useRef(drawn);
  const seen = useRef(drawn);
  const sent = useRef<SondeQuery[]>([]); // what Grafana has still to draw
  if (seen.current !== drawn) {
    seen.current = drawn;
    const i = sent.current.indexOf(drawn);
    sent.current = i < 0 ? [] : sent.current.slice(i + 1);
    now.current = sent.current.at(-1) ?? drawn;
  }
  return (change) => {
    now.current = change(now.current);
    sent.current.push(now.current);
    onChange(now.current);
    onRunQuery();
  };
}
