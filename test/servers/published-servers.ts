type Change = [from: string | RegExp, to: string];

/** @throws Error for a change that does not apply: the package is another version */
function changed(name: string, source: string, changes: Change[]): string {
  return changes.reduce((text, [from, to]) => {
    const next = text.replace(from, () => to);
    if (next === text) throw new Error(`${name} has changed: ${from} is not in its source`);
    return next;
  }, source);
}

/**
 * `mcp-gitlab` with its function `createServer` exported, and not started.
 *
 * @param source `build/index.js` of the package
 */
export const gitlabServer = (source: string): string =>
  `import './settings.js';\n${changed(
    'mcp-gitlab',
    source.replaceAll(`from "./`, `from "@zereight/mcp-gitlab/build/`),
    [
      [/^#!.*\n/, ''],
      [/main\(\)\.catch\([\s\S]*$/, 'export { createServer };\n'],
    ],
  )}`;

/**
 * `server-memory` with the graph in `context.state` in place of a file.
 *
 * @param source `dist/index.js` of the package
 */
export function memoryServer(source: string): string {
  return changed('server-memory', source, [
    [/^#!.*\n/, ''],
    [/import \{ StdioServerTransport \}.*\n/, ''],
    // The graph is an entry of the user's state. A conflict of two calls is an error that the model reads.
    [
      / {4}async loadGraph\(\) \{[\s\S]*?\n {4}\}\n {4}async saveGraph\(graph\) \{[\s\S]*?\n {4}\}\n/,
      `    async loadGraph() {
        const entry = await this.memoryFilePath.get('graph');
        this.version = entry?.version ?? 0;
        return entry?.value ?? { entities: [], relations: [] };
    }
    async saveGraph(graph) {
        await this.memoryFilePath.put('graph', graph, { version: this.version });
    }
`,
    ],
    // The server is built for each request. Holdfast stores which resources a client subscribed to.
    [
      'let knowledgeGraphManager;\n',
      'export function createServer(context) {\nconst knowledgeGraphManager = new KnowledgeGraphManager(context.state);\n',
    ],
    ['if (resourceSubscribers.has(RESOURCE_URI)) ', ''],
    ['export function registerKnowledgeGraphResource', 'function registerKnowledgeGraphResource'],
    ['export function registerKnowledgeGraphSubscriptions', 'function registerKnowledgeGraphSubscriptions'],
    [
      /async function main\(\) \{[\s\S]*$/,
      'registerKnowledgeGraphResource(server, knowledgeGraphManager);\nregisterKnowledgeGraphSubscriptions(server);\nreturn server;\n}\n',
    ],
  ]);
}
