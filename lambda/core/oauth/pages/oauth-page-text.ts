const recorded =
  'The owner of this server can see when you connected this application, with which permissions, when and from which network address it makes requests, and which of the server’s tools it calls, when, and with what outcome.';
/** Of requests that are not answered at once (`lambda/core/mcp/execution.ts`). */
const kept = 'Where an answer takes time, what was asked and the answer are kept for a while, so that it is not lost.';

/**
 * Every word that a person reads on the facade's pages. To have them in another language, translate this file and
 * nothing else. Texts are plain: `pages.ts` escapes them and sets off what is filled in.
 *
 * Not here, because others say it: names of clients and hosts, the words of scopes, and below an error its technical
 * detail, which is in the language of the protocol.
 */
export const oauthPageText = {
  /** For the pages' `lang` (BCP 47). */
  language: 'en',

  consent: {
    question: (client: string) => `Connect ${client}?`,
    /** Who stands behind that name. */
    identity: {
      domain: (domain: string) => `Its description comes from ${domain}.`,
      configured: 'This application was set up by the owner of this server.',
      'self-registered': 'This application registered itself. Nobody has verified its name.',
    },
    backTo: 'After sign-in you are sent back to',
    place: {
      loopback: 'a program on this computer',
      website: 'a website',
      application: 'an application on this device',
    },
    loopbackWarning:
      'The answer goes to a program on the computer you are using now. Approve only if you have just started connecting it yourself.',
    scopes: 'It may',
    server: 'On this server',
    identityProvider: 'You sign in with',
    askedThere: 'What is asked there',
    /** True while the provider's tokens stay sealed here (`callback.ts`). */
    askedThereOf: (scopes: string[]) =>
      `This server asks for ${scopes.map(askedWith).join(', ')}. The application gets no access there.`,
    lifetime: 'It stays connected',
    lifetimeOf: (grant: { idleDays: number; absoluteDays: number }) =>
      `Until it is revoked, or not used for ${days(grant.idleDays)}; ${days(grant.absoluteDays)} at most.`,
    /** True of the access log, the grant, the record of the approval, that of calls, and runs: change it with what is kept there. */
    recorded: 'What is recorded',
    /** By what is recorded of a tool's arguments. */
    recordedOf: {
      no: `${recorded} What it asks and what it is answered is not recorded. ${kept}`,
      digest: `${recorded} What it asks is recorded as a digest, from which the owner can tell whether it asked the same before, or a question that they guess. What it is answered is not recorded. ${kept}`,
      redacted: `${recorded} Of what it asks, the owner can see the form, such as the names of the fields and how long the texts in them are, but not the contents. What it is answered is not recorded. ${kept}`,
    },
    /** Said besides, where the owner has chosen to see who users are. */
    seenAs: {
      name: 'The owner also sees your name, as you have it where you sign in.',
      email: 'The owner also sees your e-mail address, as you have it where you sign in.',
    },
    approve: 'Approve',
    deny: 'Deny',
  },

  /** What went wrong: what happened, and what to do next. */
  problems: {
    'unknown-client': {
      heading: 'This application is not known here',
      happened: 'The application that sent you is not registered with this server, or its registration has expired.',
      next: 'Remove this server in your assistant and add it again. If that does not help, ask the owner of this server whether the application is let in.',
    },
    'unusable-client': {
      heading: 'This application cannot be connected',
      happened: 'The description that the application gives of itself is not one that this server accepts.',
      next: 'Tell the people who make the application, and pass on the detail below.',
    },
    'foreign-target': {
      heading: 'The connection was stopped',
      happened:
        'The application wants you to be sent to an address that this server does not accept for it. That may be a mistake, or somebody may be after your account; so nothing was connected.',
      next: 'If you were connecting your assistant, remove this server there and add it again. If you came by a link from somewhere else, close this page.',
    },
    malformed: {
      heading: 'This did not work',
      happened: 'The request that brought you here is incomplete, or has a mistake in it.',
      next: 'Go back to your assistant and connect again. If you see this page again, tell the people who make the assistant, and pass on the detail below.',
    },
    'no-answer': {
      heading: 'Approve or deny?',
      happened: 'This server did not learn which of the two buttons you pressed.',
      next: 'Go back one page and answer again.',
    },
    'foreign-answer': {
      heading: 'This answer does not count',
      happened: 'It did not come from this server’s own page. Nothing was connected.',
      next: 'If you were connecting your assistant, go back to it and connect again. If you were not, close this page.',
    },
    answered: {
      heading: 'This question is closed',
      happened:
        'It has been answered already, which also happens when a button is pressed twice, or it was left open for too long.',
      next: 'Go back to your assistant. If it is not connected, connect again.',
    },
    'asked-elsewhere': {
      heading: 'This question is closed',
      happened: 'It has been answered already, was left open for too long, or was asked in another browser.',
      next: 'Go back to your assistant. If it is not connected, connect again, and stay in the browser that opens.',
    },
    'signed-in': {
      heading: 'This sign-in is over',
      happened: 'It has been completed already, or took too long.',
      next: 'Go back to your assistant. If it is not connected, connect again.',
    },
    'signing-in-elsewhere': {
      heading: 'This sign-in is over',
      happened: 'It has been completed already, took too long, or was started in another browser.',
      next: 'Go back to your assistant. If it is not connected, connect again, and stay in the browser that opens. If you were not connecting one, close this page.',
    },
    outage: {
      heading: 'One moment, please',
      happened: 'Something that this server needs does not answer at the moment. Nothing has changed.',
      next: 'Wait a little and load this page again. If that does not help, go back to your assistant and connect again later.',
    },
    fault: {
      heading: 'This did not work',
      happened: 'Something went wrong on this server. You have done nothing wrong.',
      next: 'Go back to your assistant and connect again. If you see this page again, tell the owner of this server, whose log has the details.',
    },
  },
  detail: 'Technical detail',
};

/** One of the ways in which something goes wrong before a person's eyes. */
export type Problem = keyof typeof oauthPageText.problems;

/** What a scope of the identity provider asks for (OpenID Connect Core §5.4, §11); one that only the owner knows, itself. */
function askedWith(scope: string): string {
  switch (scope) {
    case 'openid':
      return 'who you are';
    case 'profile':
      return 'your name and profile';
    case 'email':
      return 'your e-mail address';
    case 'offline_access':
      return 'access while you are away';
    default:
      return scope;
  }
}

function days(count: number): string {
  return count === 1 ? 'a day' : `${count} days`;
}
