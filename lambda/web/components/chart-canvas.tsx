import {
  BarController,
  BarElement,
  CategoryScale,
  Chart,
  type ChartConfiguration,
  LinearScale,
  LineController,
  LineElement,
  PointElement,
  Tooltip,
} from 'chart.js';
import { useEffect, useRef } from 'preact/hooks';
import { useStore } from '../page-store.ts';
import { isDark, readColour } from '../palette.ts';

Chart.register(
  BarController,
  BarElement,
  CategoryScale,
  LinearScale,
  LineController,
  LineElement,
  PointElement,
  Tooltip,
);
Chart.defaults.animation = false;
Chart.defaults.font.family = 'system-ui, -apple-system, "Segoe UI", sans-serif';

export type Series = {
  name: string;
  /** The name of a custom property in the stylesheet. */
  colour: string;
  values: (number | null)[];
  dash?: number[];
};

type Props = {
  kind: 'bar' | 'line';
  /** The accessible description of the chart; the table below it has the data. */
  summary: string;
  labels: string[];
  series: Series[];
  format(value: number): string;
  /** For the tooltip, in place of `format`. */
  describe?: ((value: number) => string) | undefined;
  /** Called for a click. @param series `undefined` if the click is not on a single series */
  select?: ((bar: number, series: number | undefined) => void) | undefined;
};

/** A chart that updates in place, without flicker. */
export function ChartCanvas(props: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const chart = useRef<Chart<'bar' | 'line', (number | null)[]>>(undefined);
  const latest = useRef(props);
  latest.current = props;
  const theme = useStore(isDark);

  useEffect(() => {
    if (!canvas.current) return;
    chart.current = new Chart(canvas.current, configurationOf(props.kind, latest));
    return () => chart.current?.destroy();
  }, [props.kind]);

  useEffect(() => {
    if (chart.current) updateChart(chart.current, props);
  }, [props, theme]);

  return (
    <div class="chart-canvas">
      <canvas ref={canvas} role="img" aria-label={props.summary} />
    </div>
  );
}

function configurationOf(
  kind: Props['kind'],
  latest: { current: Props },
): ChartConfiguration<'bar' | 'line', (number | null)[]> {
  return {
    type: kind,
    data: { labels: [], datasets: [] },
    options: {
      responsive: true,
      maintainAspectRatio: false,
      interaction: { mode: 'index', intersect: false },
      scales: {
        x: { stacked: kind === 'bar', grid: { display: false }, ticks: { maxRotation: 0, autoSkipPadding: 16 } },
        y: {
          stacked: kind === 'bar',
          beginAtZero: true,
          ticks: { maxTicksLimit: 6, precision: 0, callback: (value) => latest.current.format(Number(value)) },
        },
      },
      plugins: {
        tooltip: {
          filter: ({ raw }) => Boolean(raw),
          callbacks: {
            label({ dataset, raw }) {
              const { format, describe = format } = latest.current;
              return `${dataset.label}: ${describe(Number(raw))}`;
            },
          },
        },
      },
      onHover: (event, elements) => {
        const target = event.native?.target;
        if (target instanceof HTMLElement)
          target.classList.toggle('clickable', Boolean(latest.current.select && elements.length));
      },
      onClick: ({ native }, [bar], chart) => {
        const { select } = latest.current;
        if (!select || !bar || !native) return;
        const [hit] = chart.getElementsAtEventForMode(native, 'nearest', { intersect: true }, false);
        select(bar.index, hit?.datasetIndex);
      },
    },
  };
}

function updateChart(chart: Chart<'bar' | 'line', (number | null)[]>, { kind, labels, series }: Props): void {
  const { scales } = chart.options;
  for (const scale of [scales?.x, scales?.y]) {
    if (scale?.ticks) scale.ticks.color = readColour('muted');
    if (scale?.grid) scale.grid.color = readColour('line');
    if (scale?.border) scale.border.color = readColour('line');
  }
  const tooltip = chart.options.plugins?.tooltip;
  if (tooltip) {
    tooltip.backgroundColor = readColour('ink');
    tooltip.titleColor = tooltip.bodyColor = readColour('paper');
  }
  chart.data.labels = labels;
  chart.data.datasets = series.map(({ name, colour, values, dash = [] }) => {
    const colourValue = readColour(colour);
    return kind === 'bar'
      ? { label: name, data: values, backgroundColor: colourValue, maxBarThickness: 40 }
      : {
          label: name,
          data: values,
          borderColor: colourValue,
          backgroundColor: colourValue,
          borderWidth: 2,
          borderDash: dash,
          // A value between two gaps has no line.
          pointRadius: values.map((_, index) =>
            labels.length <= 40 || (values[index - 1] == null && values[index + 1] == null) ? 2.5 : 0,
          ),
          pointHitRadius: 12,
        };
  });
  chart.update('none');
}
