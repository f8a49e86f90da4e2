import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { InlineField, InlineLabel, Input, MultiCombobox, useStyles2, type ComboboxOption } from '@grafana/ui';
import { useEffect, useRef, useState, type KeyboardEvent } from 'react';

/** The width of the labels that stand below each other, in Grafana's units. */
export const LABEL_WIDTH = 12;

interface FieldProps {
  id: string;
  title: string;
  tooltip: string;
}

interface TextFieldProps extends FieldProps {
  value: string;
  placeholder?: string;
  width?: number;
  /** why a text can't be taken, or undefined */
  fault?: (text: string) => string | undefined;
  onCommit: (text: string) => void;
}

/** A text that counts once it is left or confirmed by Enter. */
export function TextField({ id, title, tooltip, value, placeholder, width = 40, fault, onCommit }: TextFieldProps) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  const wrong = fault?.(text);
  const commit = () => {
    if (text.trim() !== value && !wrong) {
      onCommit(text.trim());
    }
  };
  return (
    <InlineField label={title} htmlFor={id} tooltip={tooltip} labelWidth={LABEL_WIDTH} invalid={Boolean(wrong)} error={wrong}>
      <Input
        id={id}
        width={width}
        value={text}
        placeholder={placeholder}
        onChange={(e) => setText(e.currentTarget.value)}
        onBlur={commit}
        onKeyDown={(e) => e.key === 'Enter' && commit()}
      />
    </InlineField>
  );
}

interface ListFieldProps extends FieldProps {
  values: string[];
  /** what can be chosen at any time */
  fixed: readonly string[];
  /** finds what else can be chosen that contains a text */
  search: (text: string) => Promise<string[]>;
  onCommit: (change: (values: string[]) => string[]) => void;
}

/**
 * Values chosen from a list or typed. What was typed is taken when the field
 * is left, and by Enter where no entry of the list is marked: MultiCombobox
 * alone would drop it.
 */
export function ListField({ id, title, tooltip, values, fixed, search, onCommit }: ListFieldProps) {
  const styles = useStyles2(listStyles);
  const typed = useRef('');
  const commitTyped = () => {
    const text = typed.current.trim();
    typed.current = '';
    if (text !== '') {
      onCommit((list) => [...new Set([...list, text])]);
    }
  };
  const label = (
    <InlineLabel htmlFor={id} tooltip={tooltip} width={LABEL_WIDTH}>
      <span id={`${id}-label`}>{title}</span>
    </InlineLabel>
  );
  return (
    <InlineField label={label}>
      <div
        className={styles}
        onInput={(e) => (typed.current = (e.target as HTMLInputElement).value)}
        onBlur={commitTyped}
        onKeyDownCapture={leaveByEnter}
      >
        <MultiCombobox
          id={id}
          aria-labelledby={`${id}-label`} // Grafana 12.3 leaves the ID out
          placeholder="all"
          createCustomValue
          isClearable
          value={values}
          options={async (text) => matching([...fixed, ...(await search(text))], text)}
          onChange={(chosen) => {
            typed.current = '';
            onCommit(() => chosen.map(({ value }) => value));
          }}
        />
      </div>
    </InlineField>
  );
}

// MultiCombobox takes a width of its own for pixels where it counts the values
// that it has room for, and is lower than other fields where it has none.
function listStyles(theme: GrafanaTheme2): string {
  return css({ width: theme.spacing(36), '& input': { minHeight: theme.spacing(2.75) } });
}

// Leaving the field commits it and empties MultiCombobox's own input.
function leaveByEnter(e: KeyboardEvent) {
  const input = e.target as HTMLInputElement;
  if (e.key === 'Enter' && input.tagName === 'INPUT' && !input.getAttribute('aria-activedescendant')) {
    e.stopPropagation();
    input.blur();
    input.focus();
  }
}

function matching(all: readonly string[], text: string): Array<ComboboxOption<string>> {
  const wanted = text.toLowerCase();
  return all.filter((value) => value.toLowerCase().includes(wanted)).map((value) => ({ value, label: value }));
}
