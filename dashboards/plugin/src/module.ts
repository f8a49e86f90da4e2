import { DataSourcePlugin } from '@grafana/data';

import { ConfigEditor } from './ConfigEditor';
import { SondeDataSource } from './datasource';
import { QueryEditor } from './QueryEditor';
import type { SondeOptions, SondeQuery, SondeSecrets } from './query';

export const plugin = new DataSourcePlugin<SondeDataSource, SondeQuery, SondeOptions, SondeSecrets>(SondeDataSource)
  .setConfigEditor(ConfigEditor)
  .setQueryEditor(QueryEditor);
