/** The signature algorithms of client assertions that are accepted and advertised. */
export const assertionAlgorithms = ['ES256', 'RS256', 'PS256', 'EdDSA'];
