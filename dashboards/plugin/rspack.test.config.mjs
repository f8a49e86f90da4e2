import { rspack } from '@rspack/core';

import plugin from './rspack.config.mjs';

// The page that stands in for Grafana, with Grafana's libraries in it.
export default {
  mode: 'production',
  optimization: { minimize: false },
  devtool: false,
  entry: { host: './test/host.tsx' },
  output: { path: `${import.meta.dirname}/dist-test`, filename: '[name].js', cssFilename: '[name].css', clean: true },
  resolve: {
    ...plugin.resolve,
    // The ES modules of @grafana don't resolve all that they import.
    conditionNames: ['require', 'browser', 'default'],
    // Lies in no package that is installed, and no editor here is a code editor.
    alias: { 'monaco-editor': false },
  },
  module: { rules: [...plugin.module.rules, { test: /\.css$/, type: 'css' }] },
  experiments: { css: true },
  plugins: [new rspack.CopyRspackPlugin({ patterns: [{ from: 'test/host.html' }] })],
  performance: false,
};
