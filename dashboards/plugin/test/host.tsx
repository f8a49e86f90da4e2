// A page that does for the built plugin what Grafana does: loads it as AMD
// with the host's own libraries, gives it services, and draws its editors.

import * as emotionCSS from '@emotion/css';
import * as grafanaData from '@grafana/data';
import * as grafanaRuntime from '@grafana/runtime';
import * as grafanaUI from '@grafana/ui';
import * as lodash from 'lodash';
import * as React from 'react';
import * as jsxRuntime from 'react/jsx-runtime';
import * as ReactDOM from 'react-dom';
import { createRoot } from 'react-dom/client';
import * as rxjs from 'rxjs';

import type { plugin as Plugin } from '../src/module';
import { App } from './app';
import { backendSrv, templateSrv } from './services';

const libraries: Record<string, unknown> = {
  react: React,
  'react-dom': ReactDOM,
  'react/jsx-runtime': jsxRuntime,
  rxjs,
  lodash,
  '@emotion/css': emotionCSS,
  '@grafana/data': grafanaData,
  '@grafana/runtime': grafanaRuntime,
  '@grafana/ui': grafanaUI,
};

function load(url: string): Promise<{ plugin: typeof Plugin }> {
  return new Promise((resolve, reject) => {
    const define = (names: string[], factory: (...args: unknown[]) => { plugin: typeof Plugin }) => {
      const missing = names.filter((name) => !(name in libraries));
      if (missing.length > 0) {
        reject(new Error(`the plugin wants what Grafana doesn't share: ${missing.join(', ')}`));
        return;
      }
      resolve(factory(...names.map((name) => libraries[name])));
    };
    Object.assign(window, { define: Object.assign(define, { amd: {} }) });
    const script = Object.assign(document.createElement('script'), { src: url, onerror: () => reject(new Error(`${url} isn't there`)) });
    document.head.append(script);
  });
}

async function main() {
  const theme = grafanaData.createTheme({ colors: { mode: 'dark' } });
  Object.assign(grafanaRuntime.config, { theme2: theme });
  grafanaRuntime.setBackendSrv(backendSrv);
  grafanaRuntime.setTemplateSrv(templateSrv);
  const { plugin } = await load('module.js');
  createRoot(document.getElementById('root')!).render(
    <grafanaData.ThemeContext.Provider value={theme}>
      <grafanaUI.GlobalStyles />
      <App plugin={plugin} />
    </grafanaData.ThemeContext.Provider>
  );
}

void main();
