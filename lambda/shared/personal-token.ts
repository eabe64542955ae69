/**
 * A personal access token: an access token of a grant that its user made by hand, for clients that can send a fixed header
 * alone. The prefix is for scanners that look for secrets in files.
 */
export const PERSONAL_TOKEN_PREFIX = 'hfp_';

/** The `client_id` of these grants and tokens. No client can have it: ids of clients have no colon, or are https URLs. */
export const PERSONAL_TOKEN_CLIENT = 'holdfast:personal-token';

export const isPersonal = ({ client }: { client: string }): boolean => client === PERSONAL_TOKEN_CLIENT;
