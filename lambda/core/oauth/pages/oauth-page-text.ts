import { daysIn, scopesIn } from './text-formats.ts';

const recorded =
  'The operator of this server can see when you connected this app, with which permissions, when and from which network address it sends requests, and which of the server’s tools it calls, when, and with what outcome.';
const logged = 'If a tool fails, the operator can see its error in a log, which may quote a part of the request.';
/** True of executions, which outlive a request (`lambda/core/mcp/execution.ts`). */
const stored = 'A request that takes longer is stored for a while with its response, so that the response is not lost.';

/**
 * Every text that a person reads on the facade's pages, in English. The files of `languages` translate them: a key that
 * one of them lacks does not compile.
 * They are plain text: `oauth-pages.ts` escapes them and emphasises inserted values.
 *
 * Not here, because they come from elsewhere: names of clients and hosts, the descriptions of scopes, and the technical
 * detail below an error, which is in the language of the protocol.
 */
export const oauthPageText = {
  /** For the pages' `lang` (BCP 47). */
  language: 'en',
  /** For their `dir`. */
  direction: 'ltr' as 'ltr' | 'rtl',

  consent: {
    /** The name arrives in quotation marks (`quotedName`). */
    heading: (client: string) => `Connect ${client}?`,
    /** How far the client's name is verified. */
    identity: {
      domain: (domain: string) => `Its description comes from ${domain}.`,
      configured: 'This app was set up by the operator of this server.',
      'self-registered': 'This app registered itself. Its name has not been verified.',
    },
    returnTo: 'After sign-in you return to',
    returnPlace: {
      loopback: 'a program on this computer',
      website: 'a website',
      application: 'an application on this device',
    },
    loopbackWarning: 'Approve only if you have just started to connect it yourself.',
    scopes: 'The app may',
    signInWith: (provider: string) => `You sign in with ${provider}.`,
    account: {
      /** Before the name of the account, and the choice of another. */
      signInAs: (provider: string) => `You sign in with ${provider} as`,
      other: 'another account',
      /** The provider signed in with another account than the approved one. */
      unexpected: (name: string) => `You are signed in as ${name}. Nothing was connected yet.`,
    },
    approve: 'Approve',
    deny: 'Deny',
    /** Opens what follows. */
    details: 'Details',
    returnAddress: 'Return address',
    loopbackAccess: 'Access goes to a program on the computer that you are using now.',
    server: 'On this server',
    upstreamScopes: (provider: string) => `Requested from ${provider}`,
    /** True while the provider's tokens stay sealed on this server (`callback-endpoint.ts`). */
    upstreamScopesOf: (scopes: string[]) =>
      `This server requests ${scopesIn('en', scopes, {
        openid: 'your user ID',
        profile: 'your name and profile',
        email: 'your e-mail address',
        offline_access: 'access while you are away',
      })}. The app gets no access there.`,
    lifetime: 'Stays connected',
    lifetimeOf: (grant: { idleDays: number; absoluteDays: number }) =>
      `Until it is revoked, or not used for ${daysIn('en', grant.idleDays)}; ${daysIn('en', grant.absoluteDays)} at most.`,
    /** True of the access log, the grant, the approval, the audit log and executions: change it with what they store. */
    recorded: 'Recorded',
    /** By the setting `auditArguments`. */
    recordedOf: {
      no: `${recorded} The contents of requests and responses are not recorded. ${stored}`,
      digest: `${recorded} The contents of requests are recorded as a digest. It shows the operator whether a request is the same as an earlier one, or as one that the operator guesses. Responses are not recorded. ${stored}`,
      redacted: `${recorded} Of each request the operator can see the form, such as the names of fields and the lengths of values, but not the contents. Responses are not recorded. ${stored}`,
    },
    /** By the setting `auditErrors`. True of the event `tool_failed` too, which has the message in any case. */
    errorsOf: {
      none: logged,
      class: logged,
      message:
        'If a tool fails, the operator can see its error, which is recorded and may quote a part of the request.',
    },
    /** With the setting `auditMethods: 'all'`. */
    targets: 'The operator also sees which of the server’s prompts and resources the app reads.',
    /** By the setting `showNames`, which lets the operator see who users are. */
    seenAs: {
      name: 'The operator also sees your name, as your sign-in provider has it.',
      email: 'The operator also sees your e-mail address, as your sign-in provider has it.',
    },
  },

  /** The error pages: what happened, and what to do next. */
  problems: {
    'unknown-client': {
      heading: 'This app is not registered here',
      happened: 'The app that sent you is not registered with this server, or its registration has expired.',
      next: 'Remove this server in your app and add it again. If that does not help, ask the operator of this server whether the app is allowed.',
    },
    'unusable-client': {
      heading: 'This app cannot be connected',
      happened: 'This server does not accept the description that the app publishes about itself.',
      next: 'Report this to the makers of the app, together with the detail below.',
    },
    'unreachable-client': {
      heading: 'This app cannot be connected now',
      happened: 'This server could not fetch the description that the app publishes about itself.',
      next: 'Connect again in a minute. If you see this page again, report it to the makers of the app, or to the operator of this server if other apps cannot be connected either.',
    },
    'delayed-client': {
      heading: 'One moment, please',
      happened: 'Many apps connect to this server for the first time at the moment.',
      next: 'Wait a little and load this page again.',
    },
    'redirect-mismatch': {
      heading: 'The connection was stopped',
      happened:
        'The app wants you to return to an address that this server does not accept for it. That may be an error in the app, or an attempt to get into your account. Nothing was connected.',
      next: 'If you were connecting your app, remove this server there and add it again. If you followed a link from somewhere else, close this page.',
    },
    malformed: {
      heading: 'This did not work',
      happened: 'The request that brought you here is incomplete or invalid.',
      next: 'Go back to your app and connect again. If you see this page again, report it to the makers of the app, together with the detail below.',
    },
    'answer-missing': {
      heading: 'Approve or deny?',
      happened: 'This server did not receive which of the two buttons you pressed.',
      next: 'Go back one page and choose again.',
    },
    'cross-origin': {
      heading: 'Your choice was not accepted',
      happened: 'It was not sent from a page of this server. Nothing was connected.',
      next: 'If you were connecting your app, go back to it and connect again. If you were not, close this page.',
    },
    'request-closed': {
      heading: 'This request is closed',
      happened:
        'You have already approved or denied it, which also happens when a button is pressed twice, or it was open for too long.',
      next: 'Go back to your app. If it is not connected, connect again.',
    },
    'request-elsewhere': {
      heading: 'This request is closed',
      happened: 'It has been approved or denied already, was open for too long, or was started in another browser.',
      next: 'Go back to your app. If it is not connected, connect again, and stay in the browser that opens.',
    },
    'sign-in-closed': {
      heading: 'This sign-in has ended',
      happened: 'It has been completed already, or took too long.',
      next: 'Go back to your app. If it is not connected, connect again.',
    },
    'sign-in-elsewhere': {
      heading: 'This sign-in has ended',
      happened: 'It has been completed already, took too long, or was started in another browser.',
      next: 'Go back to your app, or to the dashboard if you were signing in there. If the app is not connected, connect again, and stay in the browser that opens. If you were doing neither, close this page.',
    },
    'sign-in-denied': {
      heading: 'You are not signed in',
      happened: 'The sign-in was cancelled, or the sign-in provider did not allow it. Nothing was connected.',
      next: 'Go back to your app and connect again. If you are not allowed to sign in, ask the operator of this server.',
    },
    misconfigured: {
      heading: 'Sign-in is not set up correctly',
      happened:
        'This server and its sign-in provider are not set up for each other. You did nothing wrong, and waiting does not help.',
      next: 'Ask the operator of this server to correct it. The log of this server states the cause and the remedy.',
    },
    unavailable: {
      heading: 'One moment, please',
      happened: 'A service that this server needs does not respond at the moment.',
      next: 'Wait a little and load this page again. If that does not help, go back to your app and connect again later.',
    },
    'server-error': {
      heading: 'This did not work',
      happened: 'An error occurred on this server. You did nothing wrong.',
      next: 'Go back to your app and connect again. If you see this page again, report it to the operator of this server, who finds the details in the log.',
    },
  },
  /** The same where the sign-in was one to the dashboard, and no app has a part in it. */
  dashboardProblems: {
    malformed: {
      heading: 'This did not work',
      happened: 'The address that you opened is incomplete or invalid.',
      next: 'Open the dashboard and sign in there.',
    },
    'sign-in-closed': {
      heading: 'This sign-in has ended',
      happened: 'It has been completed already, or took too long.',
      next: 'Open the dashboard. If you are not signed in there, sign in again.',
    },
    'sign-in-denied': {
      heading: 'You are not signed in',
      happened: 'The sign-in was cancelled, or the sign-in provider did not allow it.',
      next: 'Open the dashboard and sign in again. If you are not allowed to sign in, ask the operator of this server.',
    },
    unavailable: {
      heading: 'One moment, please',
      happened: 'A service that this server needs does not respond at the moment.',
      next: 'Wait a little and load this page again. If that does not help, open the dashboard again later.',
    },
    'server-error': {
      heading: 'This did not work',
      happened: 'An error occurred on this server. You did nothing wrong.',
      next: 'Open the dashboard and sign in again. If you see this page again, report it to the operator of this server, who finds the details in the log.',
    },
  },
  /** The page at the root of the server. */
  server: {
    heading: 'Connect your assistant',
    introduction: (name: string) => `${name} is an MCP server. Add this address to the assistant that you use:`,
    copy: 'Copy',
    copied: 'Copied',
    command: 'Run in a terminal:',
    typed: (client: string) => `Then, in ${client}:`,
    file: (path: string) => `In ${path}:`,
    /** Names of menus are those of the vendor. */
    hosted: {
      claude: 'Customize → Connectors → + → Add custom connector. Paste the address.',
      chatgpt:
        'Settings → Apps → Advanced settings → Developer mode, then Create app. Paste the address, with OAuth as its authentication.',
    },
  },
  openDashboard: 'Open the dashboard',
  backTo: (host: string) => `Back to ${host}`,
  /** The description of an app that cannot be used. */
  document: { address: 'Its address', host: 'Host', reason: 'What happened' },
  detail: 'Technical detail',
};

/** The texts of a language. */
export type OAuthPageText = typeof oauthPageText;

/** An error page. */
export type PageProblem = keyof typeof oauthPageText.problems;
