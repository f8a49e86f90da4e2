// The query editor under a user's hands.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { answered, choose, open, visit } from './browser.mjs';

let browser;
before(async () => (browser = await open()));
after(() => browser.close());

test('nothing typed is lost', async () => {
  const { page, errors, emits, picture } = await visit(browser, '#query');

  await choose(page, 'Region', 'us-east');
  await emits({ regions: ['us-east'] }, 'chosen from what the hub knows');

  await page.getByLabel('Region', { exact: true }).fill('mars-1');
  await page.keyboard.press('Tab');
  await emits({ regions: ['us-east', 'mars-1'] }, 'typed and left');

  await page.getByLabel('Code', { exact: true }).fill('tls_expired');
  await page.keyboard.press('Enter');
  await emits({ codes: ['tls_expired'] }, 'typed and confirmed');
  await page.getByLabel('Code', { exact: true }).and(page.locator('[value=""]')).waitFor(); // free for the next value

  // One click both leaves a field and opens the list of questions.
  await page.getByLabel('Target', { exact: true }).click();
  await page.keyboard.type('show', { delay: 40 }); // as fast as hands: Grafana 12.3 loses what comes at once
  await choose(page, 'Question', 'Runs');
  const kept = { regions: ['us-east', 'mars-1'], codes: ['tls_expired'], targets: ['show'] };
  await emits({ question: 'runs', measure: 'failure_ratio', ...kept });

  await page.getByLabel('Limit').fill('25');
  await page.keyboard.press('Enter');
  await choose(page, 'Question', 'Trace');
  await page.getByLabel('Trace ID').fill('4bf92f3577b34da6a3ce929d0e0e4736');
  await page.getByLabel('Question').click();
  await page.getByRole('option', { name: 'Matrix' }).click();
  await emits({
    question: 'matrix', measure: 'failure_ratio', limit: 25, traceId: '4bf92f3577b34da6a3ce929d0e0e4736', ...kept,
  });
  await picture('kept');
  assert.deepEqual(errors, []);
});

test('one click changes two fields', async () => {
  const { page, emits } = await visit(browser, '#query');
  await choose(page, 'Region', 'us-east');
  await page.keyboard.press('Tab');
  await page.getByLabel('Target', { exact: true }).fill('show');
  await page.getByRole('button', { name: 'Clear all' }).click();
  await emits({ regions: [], targets: ['show'] });
});

test('a limit that the hub would refuse is refused in its field', async () => {
  const { page, emits } = await visit(browser, '#query');
  await choose(page, 'Question', 'Runs');
  await page.getByLabel('Limit').fill('10001');
  await page.keyboard.press('Enter');
  await page.getByText('A whole number from 1 to 10000').waitFor();
  await emits({ limit: undefined });
});

test('a format goes with its question', async () => {
  const { page, emits } = await visit(browser, '#query');
  await choose(page, 'Format', 'States');
  await emits({ format: 'state' });
  await choose(page, 'Question', 'Matrix');
  await emits({ format: undefined });
});

test('values are taken away again', async () => {
  const { page, emits } = await visit(browser, '#query');
  await choose(page, 'Region', 'us-east');
  await page.getByRole('button', { name: 'Remove us-east' }).click();
  await emits({ regions: [] });
});

test('variables are asked for by their values', async () => {
  const { page, emits } = await visit(browser, '#query');
  await page.getByLabel('Region', { exact: true }).fill('$region');
  const { asked } = await answered(page, 'series', () => page.keyboard.press('Tab'));
  assert.deepEqual(asked.regions, ['eu-west', 'us-east']);
  await emits({ regions: ['$region'] }, 'what is saved names the variable');
});

const expanded = [
  { name: 'several variables in one value', values: ['$region-$zone'], want: ['a-1', 'b-1', 'a-2', 'b-2'] },
  { name: 'all', values: ['$all', 'x'], want: [] },
  { name: 'a value with a dollar', values: ['$dollar'], want: ['$&'] },
  { name: 'a format of its own', values: ['${region:csv}'], want: ['a,b'] },
  { name: 'no variable', values: ['x', 'x', '$unheard'], want: ['x', '$unheard'] },
  { name: 'an empty variable', values: ['$empty'], want: [] },
];

test('variables expand', async (t) => {
  const { page } = await visit(browser, '#query');
  const scoped = { region: ['a', 'b'], zone: ['1', '2'], all: '$__all', dollar: '$&', empty: '' };
  const expand = ({ values, scoped }) => {
    const vars = Object.fromEntries(Object.entries(scoped).map(([name, value]) => [name, { value }]));
    const query = { refId: 'A', question: 'runs', regions: values, culprits: values };
    return window.record.source.applyTemplateVariables(query, vars);
  };
  for (const { name, values, want } of expanded) {
    await t.test(name, async () => {
      const got = await page.evaluate(expand, { values, scoped });
      assert.deepEqual([got.regions.toSorted(), got.culprits.toSorted()], [want.toSorted(), want.toSorted()]);
    });
  }
});

test('a trace that nobody has chosen is not asked for', async () => {
  const { page } = await visit(browser, '#query');
  const asks = (query) => page.evaluate((q) => window.record.source.filterQuery({ refId: 'A', ...q }), query);
  assert.equal(await asks({ question: 'trace' }), false);
  assert.equal(await asks({ question: 'trace', traceId: '$trace' }), false, 'the variable has no value yet');
  assert.equal(await asks({ question: 'trace', traceId: 'abc' }), true);
  assert.equal(await asks({ question: 'labels' }), false);
  assert.equal(await asks({}), false);
  assert.equal(await asks({ question: 'matrix' }), true);
});
