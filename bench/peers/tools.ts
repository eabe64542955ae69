import * as z from 'zod/v4';

/** The tools that ours and every peer serve: twenty for warm figures, one for cold ones (the variable TOOLS). */

const shape = {
  query: z.string().max(200).describe('What to look for'),
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
  description: `Looks for something in place ${index} and tells what it has found there.`,
  shape,
  inputSchema: z.object(shape),
  answer: async ({ query }: Input) => ({ content: [{ type: 'text' as const, text: `${query} in ${index}` }] }),
}));
