import * as z from 'zod/v4';

/** The tools of Holdfast and of every peer: twenty for warm figures, one for cold figures (environment variable TOOLS). */

const shape = {
  query: z.string().max(200).describe('The text to search for'),
  limit: z.number().int().min(1).max(100).optional(),
  language: z.enum(['en', 'de', 'fr']).optional(),
  tags: z.array(z.string()).max(10).optional(),
  exact: z.boolean().optional(),
  since: z.string().optional().describe('A date'),
};

type Input = { query: string };

export const tools = Array.from({ length: Number(process.env.TOOLS ?? 1) }, (_, index) => ({
  name: `tool_${index}`,
  title: `Tool ${index}`,
  description: `Searches the index ${index} and returns the documents that it has found in it.`,
  shape,
  inputSchema: z.object(shape),
  answer: async ({ query }: Input) => ({ content: [{ type: 'text' as const, text: `${query} in ${index}` }] }),
}));
