/**
 * `server-memory` with the graph in `context.state` in place of a file.
 *
 * @param source `dist/index.js` of the package
 */
export function memoryServer(source: string): string {
  const replace = (text: string, from: string | RegExp, to: string): string => {
    const changed = text.replace(from, () => to);
    if (changed === text) throw new Error(`server-memory has changed: ${from} is not in its source`);
    return changed;
  };
  const changes: [string | RegExp, string][] = [
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
  ];
  return changes.reduce((text, [from, to]) => replace(text, from, to), source);
}
