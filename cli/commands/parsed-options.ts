import { callOutcomes, ERRORS } from '../../lambda/core/audit/tool-call.ts';
import type { SessionField } from '../import/exported-session.ts';
import type { DeploymentSelection } from '../target/deployment-location.ts';

/** Options of the commands, parsed: the commands declare them, and their actions receive them. */

export type DeploymentOptions = DeploymentSelection & { json?: boolean };
export type PagingOptions = { limit: number; all?: boolean; after?: string };
export type CallFilterOptions = { user?: string; client?: string; clientInfo?: string; tool?: string };

export const outcomes = [...callOutcomes, ERRORS] as const;
export const exportFormats = ['csv', 'jsonl'] as const;
export type ExportFormat = (typeof exportFormats)[number];

/** Times in epoch milliseconds. */
export type CallSelectionOptions = DeploymentOptions &
  CallFilterOptions & {
    outcome?: (typeof outcomes)[number];
    session?: string;
    since?: number;
    until?: number;
  };
export type CallListOptions = CallSelectionOptions & PagingOptions;
export type CallExportOptions = CallSelectionOptions & { format: ExportFormat; output?: string };

export const grantStatuses = ['active', 'revoked', 'expired'] as const;

export type ClientListOptions = DeploymentOptions &
  PagingOptions & { user?: string; status?: (typeof grantStatuses)[number]; machines?: boolean };
export type ClientAddOptions = DeploymentOptions & { scopes?: string[]; jwks?: string; secret?: boolean };
/** @property overlap seconds */
export type ClientRotateOptions = DeploymentOptions & { overlap?: number };
export type ClientRemoveOptions = DeploymentOptions & { yes?: boolean };
export type ClientAllowOptions = DeploymentOptions;
export type ClientRevokeOptions = DeploymentOptions & { user?: string; client?: string; yes?: boolean };

export type TokenAddOptions = DeploymentOptions & { name: string; scopes?: string[]; days: number };
export type TokenListOptions = DeploymentOptions & PagingOptions & { user?: string };

export type SessionListOptions = DeploymentOptions & PagingOptions & { user?: string; since?: number };
export type SessionShowOptions = DeploymentOptions & PagingOptions;
export type SessionWatchOptions = DeploymentOptions & CallFilterOptions;
export type SessionRevokeOptions = DeploymentOptions & { yes?: boolean };

export type StatsOptions = DeploymentOptions & CallFilterOptions & { since?: number; until?: number };

export type UserListOptions = DeploymentOptions & PagingOptions;
export type UserEraseOptions = DeploymentOptions & { yes?: boolean };

export type DevOptions = {
  stack?: string;
  fresh?: boolean;
  json?: boolean;
  context?: Record<string, string>;
  port?: string;
  cold?: boolean;
  accountConcurrency?: number;
  inMemory?: boolean;
  /** False with `--no-type-check`. */
  typeCheck: boolean;
};

export type ImportCommandOptions = DeploymentSelection & {
  redis?: string;
  match: string;
  postgres?: string;
  fromTable: string;
  file?: string;
  table?: string;
  issuer?: string;
  userField?: string;
  map?: Partial<Record<SessionField, string>>;
  dataFields?: string[];
  ttlHours: number;
  dryRun?: boolean;
  json?: boolean;
};
