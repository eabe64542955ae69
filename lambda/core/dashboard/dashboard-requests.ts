import * as z from 'zod/v4';
import { callOutcomes, ERRORS } from '../audit/tool-call.ts';
import { parseJson } from '../support/json.ts';
import { quote } from '../support/untrusted-text.ts';
import { DashboardError } from './dashboard-guard.ts';

/** Schemas of the parameters in `dashboard-api.ts`. */

const id = z.string().min(1).max(512);
const time = z.coerce.number().int().min(0).max(8_640_000_000_000);

export const filterSchema = z.object({
  from: time,
  to: time,
  user: id.optional(),
  grant: id.optional(),
  client: id.optional(),
  clientInfo: id.optional(),
  tool: id.optional(),
  outcome: z.enum([...callOutcomes, ERRORS]).optional(),
});

export const callFilterSchema = filterSchema.extend({ error: id.optional() });

export const errorFilterSchema = filterSchema.pick({ from: true, to: true, user: true, tool: true, outcome: true });

export const pagingSchema = z.object({
  after: z.string().min(1).max(1024).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});

export const sessionFilterSchema = filterSchema
  .partial()
  .pick({ from: true, to: true, user: true, grant: true, client: true, clientInfo: true });

export const userSchema = z.object({ user: id.optional() });

/** Of the list of users: with it their activity is read too. */
export const activitySchema = z.object({ activity: z.literal('true').optional() });

export const idSchema = z.object({ id });

const LARGEST_BODY = 4096;

/** @throws DashboardError that names the invalid member */
export function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const { success, data, error } = schema.safeParse(value);
  if (success) return data;
  const [issue] = error.issues;
  throw new DashboardError('invalid_request', `${issue?.path.join('.') || 'request'}: ${issue?.message}`);
}

/** @throws DashboardError for a repeated parameter, which is ambiguous */
export function readQuery(request: Request): Record<string, string> {
  const { searchParams } = new URL(request.url);
  const names = [...searchParams.keys()];
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined)
    throw new DashboardError('invalid_request', `${quote(repeated)} is repeated: send it once`);
  return Object.fromEntries(searchParams);
}

/** @throws DashboardError */
export async function readBody(request: Request): Promise<unknown> {
  const body = new Uint8Array(await request.arrayBuffer());
  if (body.byteLength > LARGEST_BODY) {
    throw new DashboardError('invalid_request', `The body has ${body.byteLength} bytes: send at most ${LARGEST_BODY}`);
  }
  try {
    return parseJson(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    throw new DashboardError('invalid_request', 'The body is not JSON in UTF-8');
  }
}
