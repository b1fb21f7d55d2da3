// Opens a page in chromium and prints as JSON what went wrong. Arguments: the browser, the page, a folder for pictures and the PDF.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import puppeteer from 'puppeteer-core';

const [executablePath, page, folder] = process.argv.slice(2);
const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const browser = await puppeteer.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
const found = { console: [], requests: [], wider: {}, violations: {} };
const tab = await browser.newPage();
tab.on('console', (message) => found.console.push(message.text()));
tab.on('pageerror', (error) => found.console.push(String(error)));
tab.on('request', (request) => found.requests.push(request.url()));
await tab.goto(pathToFileURL(page).href);
for (const scheme of ['light', 'dark']) {
  await tab.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
  for (const width of [400, 800, 1600]) {
    await tab.setViewport({ width, height: 900 });
    found.wider[`${scheme} ${width}`] = await tab.evaluate('document.documentElement.scrollWidth - innerWidth');
    await tab.screenshot({ path: `${folder}/${scheme}-${width}.png`, fullPage: true });
    await tab.evaluate('for (const details of document.querySelectorAll("details")) details.open = true');
    await tab.evaluate(axe);
    const { violations } = await tab.evaluate('axe.run()');
    found.violations[`${scheme} ${width}`] = violations.map(({ id, nodes }) => `${id}: ${nodes[0].failureSummary} ${nodes[0].html}`);
    await tab.evaluate('for (const details of document.querySelectorAll("details")) details.open = false');
  }
}
await tab.pdf({ path: `${folder}/page.pdf`, preferCSSPageSize: true });
await browser.close();
console.log(JSON.stringify(found));
