#!/usr/bin/env node
import { spawn } from 'node:child_process';
import { WebSocket, WebSocketServer } from 'ws';

/**
 * Starts the Firefox of the variable FIREFOX and relays WebDriver BiDi. Playwright emulates media features in each context,
 * with a command that the extended support releases of Firefox do not know: the relay answers it.
 */

const browser = spawn(process.env.FIREFOX, process.argv.slice(2), { stdio: ['ignore', 'inherit', 'pipe'] });
const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
let address = '';

server.on('connection', (driver, { url }) => {
  const firefox = new WebSocket(`${address}${url}`);
  const emulations = new Set();
  const opened = new Promise((resolve) => firefox.once('open', resolve));
  driver.on('message', async (data) => {
    const text = String(data);
    const { id, method } = JSON.parse(text);
    if (method.startsWith('emulation.')) emulations.add(id);
    await opened;
    firefox.send(text);
  });
  firefox.on('message', (data) => {
    const text = String(data);
    const { id, error } = JSON.parse(text);
    const isUnknown = error === 'unknown command' && emulations.has(id);
    driver.send(isUnknown ? JSON.stringify({ type: 'success', id, result: {} }) : text);
  });
  driver.on('close', () => firefox.close());
  firefox.on('close', () => driver.close());
});

let unfinished = '';
browser.stderr.on('data', (chunk) => {
  const lines = `${unfinished}${chunk}`.split('\n');
  unfinished = lines.pop();
  for (const line of lines) {
    const [, found] = /WebDriver BiDi listening on (ws:\S+)/.exec(line) ?? [];
    address = found ?? address;
    process.stderr.write(`${found ? line.replace(found, `ws://127.0.0.1:${server.address().port}`) : line}\n`);
  }
});
browser.on('exit', (code) => process.exit(code ?? 1));
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => browser.kill(signal));
