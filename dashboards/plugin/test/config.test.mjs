// The configuration editor, and the health check behind its button.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { open, visit } from './browser.mjs';

let browser;
before(async () => (browser = await open()));
after(() => browser.close());

const saved = (page) => page.evaluate(() => JSON.parse(JSON.stringify(window.record.settings)));

test('what is typed is what is saved', async () => {
  const { page, errors, picture } = await visit(browser, '#config');
  await page.getByLabel(/^URL/).fill('hub.example');
  await page.getByText('It begins with http:// or https://').waitFor();
  await page.getByLabel(/^URL/).fill('https://hub.example:4318');
  await page.getByLabel(/^Token/).fill('let-me-in');
  await page.getByLabel('Public URL').fill('https://sonde.example');
  await page.getByLabel('Timeout').fill('5');
  await page.getByLabel('Own certificate authority').check({ force: true });
  await page.getByLabel('CA certificate').fill('-----BEGIN CERTIFICATE-----');
  await picture('config');
  const { url, jsonData, secureJsonData } = await saved(page);
  assert.equal(url, 'https://hub.example:4318');
  assert.deepEqual(jsonData, { publicUrl: 'https://sonde.example', timeout: 5, tlsAuthWithCACert: true });
  assert.deepEqual(secureJsonData, { token: 'let-me-in', tlsCACert: '-----BEGIN CERTIFICATE-----' });
  assert.deepEqual(errors, []);
});

test('the health check says what it found', async () => {
  for (const { uid, says } of [
    { uid: 'sonde', says: /Sonde hub reached: 2 regions, 2 targets/ },
    { uid: 'away', says: /refused|reach/ },
    { uid: 'denied', says: /SONDE_TOKEN|token/ },
  ]) {
    const { page, picture } = await visit(browser, `?uid=${uid}#config`);
    await page.getByRole('button', { name: 'Save & test' }).click();
    await page.getByText(says).first().waitFor();
    await picture(`health-${uid}`);
  }
});
