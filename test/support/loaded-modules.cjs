/**
 * Loaded before `bench/function-process.cjs`. When the process ends, it writes to file descriptor 4 as JSON the modules of
 * Node that were loaded since, the arguments of `require`, and the schema conversions of a counting build.
 */
const Module = require('node:module');
const { writeSync } = require('node:fs');

const before = new Set(process.moduleLoadList);
const required = new Set();
const { _load } = Module;
Module._load = function (request, ...others) {
  required.add(request);
  return _load.call(this, request, ...others);
};

process.once('exit', () => {
  const loaded = process.moduleLoadList.filter((name) => !before.has(name));
  const counted = globalThis.schemaConversions ?? 0;
  writeSync(4, JSON.stringify({ loaded, required: [...required], conversions: counted }));
});
