import type { DataSourcePluginOptionsEditorProps, DataSourceSettings } from '@grafana/data';
import { Divider, Field, FieldSet, Input, SecretInput, SecretTextArea, Switch } from '@grafana/ui';

import type { SondeOptions, SondeSecrets } from './query';

type Props = DataSourcePluginOptionsEditorProps<SondeOptions, SondeSecrets>;
type Settings = DataSourceSettings<SondeOptions, SondeSecrets>;
type Set = (part: Partial<Settings>) => void;

/** Where the hub is, and how to be let in. */
export function ConfigEditor({ options, onOptionsChange }: Props) {
  const set: Set = (part) => onOptionsChange({ ...options, ...part });
  return (
    <>
      <Hub options={options} set={set} />
      <Divider />
      <Connection options={options} set={set} />
    </>
  );
}

interface PartProps {
  options: Settings;
  set: Set;
}

function Hub({ options, set }: PartProps) {
  const url = options.url ?? '';
  const publicUrl = options.jsonData.publicUrl ?? '';
  return (
    <FieldSet label="Hub">
      <Field
        label="URL"
        htmlFor="sonde-url"
        required
        description="As Grafana's server reaches it, not your browser. `sonde hub` listens on port 4318."
        invalid={url !== '' && !isURL(url)}
        error="It begins with http:// or https://"
      >
        <Input id="sonde-url" width={60} placeholder="http://127.0.0.1:4318" value={url} onChange={(e) => set({ url: e.currentTarget.value.trim() })} />
      </Field>
      <Field label="Token" htmlFor="sonde-token" description="The hub's SONDE_TOKEN. A hub that listens on loopback alone asks for none by default.">
        <SecretInput
          id="sonde-token"
          width={60}
          placeholder="none"
          isConfigured={Boolean(options.secureJsonFields?.token)}
          value={options.secureJsonData?.token ?? ''}
          onChange={(e) => set(secret(options, 'token', e.currentTarget.value.trim()))}
          onReset={() => set(forgotten(options, 'token'))}
        />
      </Field>
      <Field
        label="Public URL"
        htmlFor="sonde-public-url"
        description="Where your browser finds the hub's pages, for links; left empty, the URL above."
        invalid={publicUrl !== '' && !isURL(publicUrl)}
        error="It begins with http:// or https://"
      >
        <Input
          id="sonde-public-url"
          width={60}
          placeholder={url}
          value={publicUrl}
          onChange={(e) => set({ jsonData: { ...options.jsonData, publicUrl: e.currentTarget.value.trim() || undefined } })}
        />
      </Field>
    </FieldSet>
  );
}

function isURL(text: string): boolean {
  return /^https?:\/\/[^/]/.test(text);
}

function Connection({ options, set }: PartProps) {
  const { timeout, tlsAuthWithCACert, tlsSkipVerify, serverName } = options.jsonData;
  const setData = (part: Partial<SondeOptions>) => set({ jsonData: { ...options.jsonData, ...part } });
  return (
    <FieldSet label="Connection">
      <Field label="Timeout" htmlFor="sonde-timeout" description="Seconds that a question may take.">
        <Input
          id="sonde-timeout"
          type="number"
          min={1}
          width={20}
          placeholder="10"
          value={timeout ?? ''}
          onChange={(e) => setData({ timeout: e.currentTarget.valueAsNumber || undefined })}
        />
      </Field>
      <Field label="Own certificate authority" htmlFor="sonde-ca" description="For a hub whose certificate no public authority has signed.">
        <Switch id="sonde-ca" value={tlsAuthWithCACert ?? false} onChange={(e) => setData({ tlsAuthWithCACert: e.currentTarget.checked })} />
      </Field>
      {tlsAuthWithCACert && <Authority options={options} set={set} />}
      <Field label="Server name" htmlFor="sonde-name" description="In the hub's certificate, where it isn't the URL's host.">
        <Input id="sonde-name" width={60} value={serverName ?? ''} onChange={(e) => setData({ serverName: e.currentTarget.value.trim() || undefined })} />
      </Field>
      <Field label="Skip verification" htmlFor="sonde-skip" description="Trust any certificate. Whoever stands between can read the token.">
        <Switch id="sonde-skip" value={tlsSkipVerify ?? false} onChange={(e) => setData({ tlsSkipVerify: e.currentTarget.checked })} />
      </Field>
    </FieldSet>
  );
}

function Authority({ options, set }: PartProps) {
  return (
    <Field label="CA certificate" htmlFor="sonde-ca-pem">
      <SecretTextArea
        id="sonde-ca-pem"
        cols={60}
        rows={7}
        placeholder="-----BEGIN CERTIFICATE-----"
        isConfigured={Boolean(options.secureJsonFields?.tlsCACert)}
        value={options.secureJsonData?.tlsCACert ?? ''}
        onChange={(e) => set(secret(options, 'tlsCACert', e.currentTarget.value))}
        onReset={() => set(forgotten(options, 'tlsCACert'))}
      />
    </Field>
  );
}

function secret(options: Settings, name: keyof SondeSecrets, value: string): Partial<Settings> {
  return { secureJsonData: { ...options.secureJsonData, [name]: value } };
}

function forgotten(options: Settings, name: keyof SondeSecrets): Partial<Settings> {
  return {
    secureJsonFields: { ...options.secureJsonFields, [name]: false },
    secureJsonData: { ...options.secureJsonData, [name]: '' },
  };
}
