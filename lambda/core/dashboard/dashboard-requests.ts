import * as z from 'zod/mini';
import { en } from 'zod/v4/locales';
import { callOutcomes, ERRORS } from '../audit/tool-call.ts';
import { parseJson } from '../support/json.ts';
import { quote } from '../support/untrusted-text.ts';
import { DashboardError } from './dashboard-guard.ts';

/** Schemas of the parameters in `dashboard-api.ts`. */

// The messages of issues, which zod/mini does without.
z.config(en());

const id = z.string().check(z.minLength(1), z.maxLength(512));
const integer = (least: number, most: number) => z.coerce.number().check(z.multipleOf(1), z.gte(least), z.lte(most));
const time = integer(0, 8_640_000_000_000);

export const filterSchema = z.object({
  from: time,
  to: time,
  user: z.optional(id),
  grant: z.optional(id),
  client: z.optional(id),
  clientInfo: z.optional(id),
  tool: z.optional(id),
  outcome: z.optional(z.enum([...callOutcomes, ERRORS])),
});

export const callFilterSchema = z.extend(filterSchema, { error: z.optional(id) });

export const errorFilterSchema = z.pick(filterSchema, { from: true, to: true, user: true, tool: true, outcome: true });

export const pagingSchema = z.object({
  after: z.optional(z.string().check(z.minLength(1), z.maxLength(1024))),
  limit: z._default(integer(1, 200), 50),
});

export const sessionFilterSchema = z.pick(z.partial(filterSchema), {
  from: true,
  to: true,
  user: true,
  grant: true,
  client: true,
  clientInfo: true,
});

export const userSchema = z.object({ user: z.optional(id) });

/** Of the list of users: with it their activity is read too. */
export const activitySchema = z.object({ activity: z.optional(z.literal('true')) });

export const idSchema = z.object({ id });

const LARGEST_BODY = 4096;

/** @throws DashboardError that names the invalid member */
export function parse<T>(schema: z.ZodMiniType<T>, value: unknown): T {
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
