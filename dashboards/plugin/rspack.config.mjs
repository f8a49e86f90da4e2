import { rspack } from '@rspack/core';

// Grafana brings these along, in its own versions: 12.3 with React 18, 13 with React 19.
const fromGrafana = [/^react$/, /^react-dom$/, /^react\/jsx-runtime$/, /^rxjs$/, /^lodash$/, /^@emotion\/css$/, /^@grafana\/(ui|data|runtime)$/];

export default {
  mode: 'production',
  entry: './src/module.ts',
  // The Go half lies in the same folder.
  output: { path: `${import.meta.dirname}/dist`, filename: 'module.js', library: { type: 'amd' }, clean: { keep: /^gpx_/ } },
  externals: fromGrafana,
  externalsType: 'amd',
  resolve: { extensions: ['.ts', '.tsx', '.js'] },
  module: {
    rules: [
      {
        test: /\.tsx?$/,
        loader: 'builtin:swc-loader',
        options: { jsc: { parser: { syntax: 'typescript', tsx: true }, transform: { react: { runtime: 'automatic' } }, target: 'es2022' } },
        type: 'javascript/auto',
      },
    ],
  },
  plugins: [
    new rspack.CopyRspackPlugin({
      patterns: [{ from: 'src/plugin.json' }, { from: 'src/img', to: 'img' }, { from: 'README.md' }, { from: 'CHANGELOG.md' }, { from: '../../LICENSE', to: '[name]' }],
    }),
  ],
  devtool: 'source-map',
};
