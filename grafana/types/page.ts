// The type of a page, from Grafana's own types. Those leave the options and columns of panels open; here each kind of panel has its own.
import type * as BarChart from '@grafana/schema/dist/esm/raw/composable/barchart/panelcfg/x/BarChartPanelCfg_types.gen';
import type * as Gauge from '@grafana/schema/dist/esm/raw/composable/gauge/panelcfg/x/GaugePanelCfg_types.gen';
import type * as Geomap from '@grafana/schema/dist/esm/raw/composable/geomap/panelcfg/x/GeomapPanelCfg_types.gen';
import type * as Stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as Table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as TimeSeries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';
import type * as Core from '@grafana/schema/dist/esm/raw/dashboard/x/Dashboard_types.gen';

// JSON contains the value of an enum, not its name.
type Value<T> = T extends string
  ? `${T}`
  : T extends (infer Item)[]
    ? Value<Item>[]
    : T extends object
      ? { [Key in keyof T]: Value<T[Key]> }
      : T;

interface Link {
  title: string;
  url: string;
  targetBlank: boolean;
}

// Grafana knows `fieldMinMax` in this model too, but only the types of the newer model have it.
type Field = Omit<Core.FieldConfig, 'custom' | 'links'> & { links?: Link[]; fieldMinMax?: boolean };

// The properties that an override can set: those of the field, and those of the kind of panel.
type Property<Custom> =
  | { [Key in keyof Field]-?: { id: Key; value: Value<Field[Key]> } }[keyof Field]
  | { [Key in keyof Custom & string]-?: { id: `custom.${Key}`; value: Value<Custom[Key]> } }[keyof Custom & string];

interface Target {
  refId: string;
  datasource: Core.DataSourceRef;
  pluginVersion: string;
  editorType: 'sql';
  queryType: 'timeseries' | 'table';
  format: 0 | 1;
  rawSql: string;
}

type Panel<Kind extends string, Options, Custom> = Value<Omit<Core.Panel, 'type' | 'options' | 'fieldConfig' | 'targets'>> & {
  type: Kind;
  options: Value<Options>;
  targets: Target[];
  fieldConfig: {
    defaults: Value<Field> & { custom?: Value<Partial<Custom>> };
    overrides: { matcher: { id: 'byName'; options: string }; properties: Property<Custom>[] }[];
  };
};

type Panels =
  | Panel<'barchart', BarChart.Options, BarChart.FieldConfig>
  | Panel<'gauge', Gauge.Options, {}>
  | Panel<'geomap', Geomap.Options, Pick<TimeSeries.FieldConfig, 'hideFrom'>>
  | Panel<'stat', Stat.Options, {}>
  | Panel<'table', Table.Options, Table.FieldConfig>
  | Panel<'timeseries', TimeSeries.Options, TimeSeries.FieldConfig>
  | Value<Core.RowPanel>;

export type Page = Value<Omit<Core.Dashboard, 'panels' | 'annotations'>> & {
  panels: Panels[];
  annotations: { list: (Value<Omit<Core.AnnotationQuery, 'target'>> & { target: Target })[] };
};
