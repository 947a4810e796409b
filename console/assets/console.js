// The little that a page does by itself: it stays up to date, copies commands, and remembers clock and theme.
const root = document.documentElement;

function remembered(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

function remember(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // A browser that keeps nothing shows the default again.
  }
}

function showTheme() {
  const wished = remembered('theme') ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');
  root.dataset.theme = wished;
  document.querySelector('[data-switch="theme"]')?.setAttribute('aria-pressed', String(wished === 'dark'));
}

function showClock() {
  const isUtc = remembered('clock') === 'utc';
  document.querySelector('[data-switch="clock"]')?.setAttribute('aria-pressed', String(isUtc));
  for (const time of document.querySelectorAll('time[data-zone]')) {
    time.textContent = isUtc ? time.dataset.utc : time.dataset.zone;
  }
}

function drawCharts() {
  for (const figure of document.querySelectorAll('[data-chart]')) {
    const { unit, labels, series } = JSON.parse(figure.dataset.chart);
    const style = getComputedStyle(root);
    const colours = [style.getPropertyValue('--bar').trim(), style.getPropertyValue('--spent').trim()];
    const ink = style.getPropertyValue('--quiet').trim();
    const grid = { stroke: style.getPropertyValue('--line').trim(), width: 1 };
    for (const old of figure.querySelectorAll('.uplot')) old.remove();
    new uPlot(
      {
        width: Math.max(240, figure.clientWidth - 20),
        height: 200,
        scales: { x: { time: false } },
        axes: [
          { stroke: ink, grid, values: (_, at) => at.map((index) => (labels[index] ?? '').slice(5)) },
          {
            stroke: ink,
            grid,
            size: 80,
            label: unit,
            values: (_, at) => at.map((value) => value.toLocaleString('en')),
          },
        ],
        series: [
          { label: 'on', value: (_, index) => labels[index] ?? '' },
          ...series.map(({ name }, index) => ({
            label: name,
            stroke: colours[index],
            width: 2,
            dash: index === 0 ? [] : [6, 4],
            points: { show: true, size: 5 },
          })),
        ],
      },
      [labels.map((_, index) => index), ...series.map(({ values }) => values)],
      figure,
    );
  }
}

document.addEventListener('click', async (event) => {
  const button = event.target.closest('button');
  if (!button) return;
  if (button.dataset.copy !== undefined) {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = 'Copied';
  }
  if (button.dataset.switch === 'clock') {
    remember('clock', remembered('clock') === 'utc' ? 'zone' : 'utc');
    showClock();
  }
  if (button.dataset.switch === 'theme') {
    remember('theme', root.dataset.theme === 'dark' ? 'light' : 'dark');
    showTheme();
    drawCharts();
  }
});

showTheme();
showClock();
drawCharts();

const live = document.querySelector('[data-live]');
if (live) {
  const source = new EventSource(live.dataset.live);
  source.addEventListener('picture', ({ data }) => {
    // The server escapes whatever is not its own.
    live.innerHTML = data;
    showClock();
  });
  // What comes to an end by itself is not asked for again.
  source.addEventListener('end', () => source.close());
  source.addEventListener('error', () => {
    const asOf = live.querySelector('.as-of');
    if (asOf) asOf.textContent = 'Not up to date: the console does not answer. Does the command still run?';
  });
}
