import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

const NAME = /^parley_[a-z][a-z0-9]*(_[a-z0-9]+)+$/;
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export interface MetricOptions<L extends string> {
  /** `parley_<thing>_<unit>` */
  name: string;
  help: string;
  labels?: readonly L[];
}

export interface DeclaredMetric {
  name: string;
  type: 'counter' | 'gauge' | 'histogram';
  help: string;
  labels: string[];
}

/** The metrics of one process, its own registry: declaring a name twice throws. */
export class Metrics {
  readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE;
  readonly #registry = new Registry();
  readonly #declared: DeclaredMetric[] = [];

  constructor(service: string) {
    this.#registry.setDefaultLabels({ service });
    collectDefaultMetrics({ register: this.#registry });
  }

  counter<L extends string = never>(options: MetricOptions<L>): Counter<L> {
    return new Counter(this.#declare('counter', options));
  }

  gauge<L extends string = never>(options: MetricOptions<L>): Gauge<L> {
    return new Gauge(this.#declare('gauge', options));
  }

  /** Buckets default to seconds from 1 ms to 10 s. */
  histogram<L extends string = never>(options: MetricOptions<L> & { buckets?: number[] }): Histogram<L> {
    return new Histogram({ ...this.#declare('histogram', options), buckets: options.buckets ?? SECONDS });
  }

  /** Everything in the Prometheus text format. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  /** Parley's own metrics, for the docs: the process's default ones are not listed. */
  declared(): DeclaredMetric[] {
    return this.#declared.map((metric) => ({ ...metric, labels: [...metric.labels] }));
  }

  #declare<L extends string>(type: DeclaredMetric['type'], { name, help, labels = [] }: MetricOptions<L>) {
    if (!NAME.test(name)) throw new Error(`Metric ${name}: a name has the form parley_<thing>_<unit>`);
    if (this.#declared.some((metric) => metric.name === name))
      throw new Error(`Metric ${name} exists already`);
    this.#declared.push({ name, type, help, labels: [...labels] });
    return { name, help, labelNames: [...labels], registers: [this.#registry] };
  }
}
