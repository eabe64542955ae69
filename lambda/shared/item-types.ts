/**
 * Value of `type`, by kind of item; imported as the namespace `itemType`, so that a bundle contains only the values it uses.
 * Stored values stay as they were first written, whatever the code calls the item.
 */

export const client = 'client';
export const machineClient = 'machine-client';
export const clientDocument = 'client-document';
export const rateLimit = 'pace';
export const spentAssertion = 'spent-assertion';
export const authorizationRequest = 'authorization-request';
export const signIn = 'sign-in';
export const code = 'code';
export const grant = 'grant';
export const approval = 'approval';
export const upstreamTokens = 'identity-tokens';
export const exchangedToken = 'exchanged-token';
export const session = 'session';
export const renewedSession = 'renewal';
export const importedSession = 'imported-session';
export const execution = 'run';
export const executionText = 'run-text';
export const usedState = 'used-state';
export const cancellation = 'cancellation';
export const change = 'change';
export const listener = 'listener';
export const call = 'call';
export const callMarker = 'call-marker';
export const user = 'user';
export const state = 'state';
export const sealedKey = 'sealed-key';
export const dashboardSession = 'visit';
export const aggregates = 'statistics';
export const errorAggregates = 'errors';
export const usageAggregates = 'usage';
export const rareCalls = 'rare-calls';
export const aggregationProgress = 'statistics-progress';
