// Draws <c-chart> with ECharts in the colours of the theme. The library is fetched only where there is a chart; the tooltip
// is built from nodes, because markup with style attributes would break the content security policy.
const drawn = new Map();
let library = null;

function load(address) {
  library ||= new Promise((resolve, reject) => {
    const script = Object.assign(document.createElement("script"), { src: address });
    script.onload = () => resolve(window.echarts);
    script.onerror = () => reject(new Error("the chart library did not load"));
    document.head.append(script);
  });
  return library;
}

const probe = document.createElement("canvas").getContext("2d");
function colour(name) {
  const element = document.createElement("span");
  element.hidden = true;
  document.body.append(element);
  element.style.color = `var(${name})`;
  const value = getComputedStyle(element).color;
  element.remove();
  probe.fillStyle = value;
  return probe.fillStyle;
}
const palette = () => Array.from({ length: 8 }, (_, i) => colour(`--at-series-${i + 1}`));

const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const plain = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
export function write(value, unit, axis = false) {
  if (value === null || value === undefined) return "—";
  if (unit === "money") {
    const size = Math.abs(value);
    const digits = size >= 1 || size === 0 ? (axis && size >= 10 ? 0 : 2) : Math.min(8, 2 - Math.floor(Math.log10(size)));
    return `$${size >= 10000 && axis ? short.format(value) : value.toLocaleString("en", { minimumFractionDigits: Math.min(2, digits), maximumFractionDigits: digits })}`;
  }
  if (unit === "percent") return `${plain.format(value * 100)} %`;
  if (unit === "ms") return value >= 1000 ? `${plain.format(value / 1000)} s` : `${Math.round(value)} ms`;
  return axis || unit === "tokens" ? short.format(value) : plain.format(value);
}
function day(label) {
  return /^\d{4}-\d\d-\d\d$/.test(label)
    ? new Date(`${label}T00:00:00Z`).toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" })
    : label;
}

function tooltip(title, rows, unit) {
  const box = document.createElement("div");
  box.className = "at-chart-tip";
  const head = Object.assign(document.createElement("strong"), { textContent: title });
  const table = document.createElement("table");
  for (const { name, value, paint } of rows) {
    const row = table.insertRow();
    const th = document.createElement("th");
    const mark = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    mark.setAttribute("viewBox", "0 0 9 9");
    const dot = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    for (const [key, v] of Object.entries({ width: 9, height: 9, rx: 2, fill: paint })) dot.setAttribute(key, v);
    mark.append(dot);
    th.append(mark, name);
    row.append(th);
    row.insertCell().textContent = write(value, unit);
  }
  box.append(head, table);
  return box;
}

function options(chart) {
  const text = colour("--at-muted");
  const line = colour("--at-line");
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const common = {
    animation: !calm,
    animationDuration: 150,
    animationDurationUpdate: 150,
    color: palette(),
    aria: { enabled: false },
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: text },
    tooltip: {
      trigger: chart.kind === "donut" ? "item" : "axis",
      axisPointer: { type: chart.kind === "line" || chart.kind === "area" ? "line" : "shadow" },
      backgroundColor: colour("--at-raised"),
      borderColor: line,
      extraCssText: "box-shadow: none; border-radius: 8px;",
      formatter: (hit) => {
        const hits = Array.isArray(hit) ? hit : [hit];
        const rows = hits.map((h) => ({ name: h.seriesType === "pie" ? h.name : h.seriesName, value: h.value, paint: h.color }));
        return tooltip(day(hits[0].seriesType === "pie" ? chart.series[0].name : hits[0].name), rows.filter((r) => r.value !== null), chart.unit);
      },
    },
    legend: chart.series.length > 1 || chart.kind === "donut"
      ? { type: "scroll", bottom: 0, icon: "roundRect", itemWidth: 10, itemHeight: 10, textStyle: { color: text } }
      : undefined,
  };
  if (chart.kind === "donut") {
    const slices = chart.labels.map((name, i) => ({ name, value: chart.series[0].values[i] }));
    return { ...common, series: [{ type: "pie", radius: ["55%", "78%"], center: ["50%", "45%"], name: chart.series[0].name, data: slices, label: { show: false }, itemStyle: { borderColor: colour("--at-surface"), borderWidth: 2 } }] };
  }
  const category = { type: "category", data: chart.labels, axisTick: { show: false }, axisLine: { lineStyle: { color: line } }, axisLabel: { color: text, formatter: day, hideOverlap: true } };
  const value = { type: "value", splitLine: { lineStyle: { color: line } }, axisLabel: { color: text, formatter: (v) => write(v, chart.unit, true) } };
  const lying = chart.kind === "horizontal";
  return {
    ...common,
    grid: { left: 8, right: 16, top: 16, bottom: common.legend ? 36 : 8, containLabel: true },
    xAxis: lying ? value : category,
    yAxis: lying ? { ...category, inverse: true } : value,
    series: chart.series.map((one) => ({
      name: one.name,
      data: one.values,
      type: chart.kind === "line" || chart.kind === "area" ? "line" : "bar",
      stack: chart.kind === "stacked" ? "all" : undefined,
      areaStyle: chart.kind === "area" ? { opacity: 0.12 } : undefined,
      showSymbol: chart.labels.length < 2,
      lineStyle: { width: 2 },
      barMaxWidth: 36,
      emphasis: { focus: "series" },
    })),
  };
}

async function draw(figure) {
  const canvas = figure.querySelector("[data-chart-canvas]");
  const chart = JSON.parse(figure.querySelector("script[type='application/json']").textContent);
  const echarts = await load(figure.dataset.library);
  if (!canvas.isConnected) return;
  const instance = drawn.get(canvas) || echarts.init(canvas, null, { renderer: "canvas" });
  drawn.set(canvas, instance);
  instance.setOption(options(chart), true);
  if (chart.hrefs.length && !canvas.dataset.follows) {
    canvas.dataset.follows = "1";
    instance.on("click", (hit) => chart.hrefs[hit.dataIndex] && location.assign(chart.hrefs[hit.dataIndex]));
  }
  figure.dataset.drawn = "1";
}

function all() {
  for (const [canvas, instance] of drawn) {
    if (!canvas.isConnected) {
      instance.dispose();
      drawn.delete(canvas);
    }
  }
  for (const figure of document.querySelectorAll("[data-chart]")) {
    draw(figure).catch(() => figure.querySelector("[data-chart-table]").setAttribute("open", ""));
  }
}
all();
document.addEventListener("htmx:after:swap", all);
new MutationObserver(all).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
let resizing = 0;
addEventListener("resize", () => {
  clearTimeout(resizing);
  resizing = setTimeout(() => drawn.forEach((instance) => instance.resize()), 80);
});
