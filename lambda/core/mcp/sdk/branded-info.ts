import type { Implementation } from '@modelcontextprotocol/server';
import type { Branding } from '../../../shared/branding.ts';

/**
 * Members that the deployment adds to the server's description of itself. Each result of 2026-07-28 states the server. The
 * icon is in those only in which clients look for it.
 *
 * @param body undefined for a client that listens
 */
export function brandedInfo({ name, icon }: Branding, body: unknown): Partial<Implementation> {
  const { method } = (body ?? {}) as { method?: unknown };
  const isIntroduction = method === 'initialize' || method === 'server/discover';
  return { ...(name && { title: name }), ...(icon && isIntroduction && { icons: [{ src: icon }] }) };
}
