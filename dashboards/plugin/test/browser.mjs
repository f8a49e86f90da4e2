// A browser on the page that stands in for Grafana: new pages, and what they
// emitted and asked for.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';

import { chromium } from 'playwright-core';

const quiet = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

/** The address of the page, as the server that started these tests has it. */
export const address = process.env.SONDE_PAGE;

/** open starts Chromium with an empty profile. Its pages share a cache, for the libraries are large. */
export async function open() {
  const executablePath = ['/usr/bin/chromium', '/usr/bin/google-chrome'].find(existsSync);
  return chromium.launch({ executablePath, chromiumSandbox: false, args: quiet });
}

/** visit opens a page with one editor: #query, #variable or #config. */
export async function visit(browser, editor) {
  const context = browser.contexts()[0] ?? (await browser.newContext({ viewport: { width: 1280, height: 800 } }));
  const page = await context.newPage();
  const errors = [];
  page.on('pageerror', (e) => errors.push(e));
  await page.goto(address + editor);
  await page.locator('#root > div').waitFor();
  const last = () => page.evaluate(() => JSON.parse(JSON.stringify(window.record.emitted.at(-1) ?? {})));
  return {
    page,
    /** what went wrong in the page and nobody caught */
    errors,
    /** emits waits until the newest query that the editor emitted has the parts of want, as Grafana saves them. */
    emits: (want, why) => eventually(async () => assert.deepEqual(parts(await last(), Object.keys(want)), want, why)),
    /** picture leaves a screenshot where the test's caller wants pictures. */
    picture: (name) => process.env.SONDE_PICTURES && page.screenshot({ path: `${process.env.SONDE_PICTURES}/${name}.png` }),
  };
}

const parts = (query, names) => Object.fromEntries(names.map((name) => [name, query[name]]));

// An editor tells of a change when it has drawn it, which is after the click.
async function eventually(check, until = Date.now() + 10_000) {
  try {
    return await check();
  } catch (e) {
    if (Date.now() > until) {
      throw e;
    }
  }
  await setTimeout(20);
  return eventually(check, until);
}

/** choose opens a list as a user does and takes an entry of it. */
export async function choose(page, field, entry) {
  await page.getByRole('combobox', { name: field, exact: true }).click();
  await page.getByRole('option', { name: new RegExp(`^${entry}`) }).click();
}

/** answered runs act and returns the next query of a question, and the frames that answer it. */
export async function answered(page, question, act) {
  const first = (r) => r.request().postDataJSON().queries[0];
  const response = page.waitForResponse((r) => r.url().includes('/api/ds/query') && first(r).question === question);
  await act();
  const r = await response;
  return { asked: first(r), frames: (await r.json()).results.A?.frames };
}
