// What comes back from a real hub, and what is said where none answers.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { answered, choose, open, visit } from './browser.mjs';

let browser;
before(async () => (browser = await open()));
after(() => browser.close());

const names = (frame) => frame.schema.fields.map((field) => field.name);
const column = (frame, name) => frame.data.values[names(frame).indexOf(name)];

/** ask chooses a question and returns the frames that came back. */
async function ask(page, question) {
  const { frames } = await answered(page, question.toLowerCase(), () => choose(page, 'Question', question));
  return frames;
}

test('series: a frame a region, of which one fails', async () => {
  const { page, errors, picture } = await visit(browser, '#query');
  await ask(page, 'Runs');
  const frames = await ask(page, 'Series');
  assert.deepEqual(frames.map((f) => f.schema.meta.type), ['timeseries-multi', 'timeseries-multi']);
  const byRegion = Object.fromEntries(frames.map((f) => [f.schema.fields[1].labels.region, f.data.values[1]]));
  assert.ok(byRegion['us-east'].some((ratio) => ratio > 0), 'us-east fails');
  assert.ok(!byRegion['eu-west'].some((ratio) => ratio > 0), 'eu-west does not');
  assert.equal(await page.getByTestId('frame').count(), 2);
  await picture('series');

  const states = await answered(page, 'series', () => choose(page, 'Format', 'States'));
  assert.ok(states.frames.some((frame) => frame.data.values.flat().includes('failed')));
  await picture('states');
  assert.deepEqual(errors, []);
});

test('matrix: a row a region and target, or a grid', async () => {
  const { page, errors, picture } = await visit(browser, '#query');
  const [table] = await ask(page, 'Matrix');
  assert.equal(table.data.values[0].length, 4, 'two regions, two targets');
  await page.getByText('tls_expired').first().waitFor();
  await picture('matrix');
  const grid = await answered(page, 'matrix', () => choose(page, 'Format', 'Grid'));
  assert.ok(['eu-west', 'us-east'].every((region) => names(grid.frames[0]).includes(region)));
  await picture('grid');
  assert.deepEqual(errors, []);
});

test('runs, and the trace of one', async () => {
  const { page, errors, picture } = await visit(browser, '#query');
  await choose(page, 'Code', 'tls_expired'); // completed from the hub
  await page.keyboard.press('Tab');
  const [runs] = await ask(page, 'Runs');
  assert.equal(runs.data.values[0].length, 5, 'the five that failed');
  await picture('runs');

  const traceID = runs.data.values.flat().find((value) => /^[0-9a-f]{32}$/.test(value));
  await choose(page, 'Question', 'Trace');
  await page.getByLabel('Trace ID').fill(traceID);
  const { frames } = await answered(page, 'trace', () => page.keyboard.press('Enter'));
  const [trace] = frames;
  assert.equal(trace.schema.meta.preferredVisualisationType, 'trace');
  assert.deepEqual(new Set(column(trace, 'traceID')), new Set([traceID]));
  assert.equal(column(trace, 'spanID').length, 3, 'root, hop and tls');
  await page.getByText('cdn.example').first().waitFor();
  await picture('trace');
  assert.deepEqual(errors, []);
});

test('a variable lists the values of a label, narrowed by another', async () => {
  const { page, errors, picture } = await visit(browser, '#variable');
  await choose(page, 'Values of', 'Target');
  await page.getByTestId('values').getByText('shop').waitFor();
  assert.deepEqual(await page.getByTestId('values').locator('li').allTextContents(), ['shop', 'show']);
  await choose(page, 'Service', 'Podcasts');
  await page.getByTestId('values').getByText('shop').waitFor({ state: 'detached' });
  assert.deepEqual(await page.getByTestId('values').locator('li').allTextContents(), ['show']);
  await picture('variable');
  assert.deepEqual(errors, []);
});

test('a hub that is away or denies is told of, and typing goes on', async () => {
  for (const { uid, says } of [
    { uid: 'away', says: /refused|reach/ },
    { uid: 'denied', says: /SONDE_TOKEN|token/ },
  ]) {
    const { page, emits, picture } = await visit(browser, `?uid=${uid}#query`);
    await choose(page, 'Question', 'Runs');
    await page.getByRole('alert').filter({ hasText: says }).waitFor();
    await page.getByRole('combobox', { name: 'Region', exact: true }).fill('eu-west');
    await page.keyboard.press('Tab');
    await emits({ regions: ['eu-west'] }, 'without completion');
    await picture(uid);
  }
});
