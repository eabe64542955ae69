import type { CallOutcome } from '../core/audit/tool-call.ts';
import type { Breakdown } from '../core/dashboard/dashboard-api.ts';
import type { RangeName, View } from './page-router.ts';

/**
 * Every word that a person reads on the dashboard. To have it in another language, translate this file and nothing
 * else.
 *
 * Not here, because others say it: names of people, clients and tools, and the messages of calls.
 */
export const dashboardText = {
  product: 'Holdfast',
  skip: 'Skip to the content',
  none: '–',
  views: {
    overview: 'Overview',
    calls: 'Calls',
    sessions: 'Sessions',
    session: 'Session',
    grants: 'Assistants',
    users: 'Users',
    me: 'My data',
  } satisfies Record<View, string>,
  nav: 'Views',
  headings: {
    activity: 'Activity',
    yourActivity: 'Your activity',
    activityOf: (user: string) => `Activity of ${user}`,
  },

  scope: { label: 'Whose', everyone: 'Everyone', onlyMe: 'Only me' },
  live: { on: 'Live', off: 'Paused', pause: 'pause the updates', resume: 'go on updating' },
  search: {
    label: 'Session, call, grant or user id',
    go: 'Find',
    nothing: 'Nothing of that id.',
    failed: 'The search got no answer. Try it again in a moment.',
  },
  signOut: 'Sign out',
  signedOut: {
    first: {
      heading: 'Sign in to see your assistants',
      text: 'Here you see which assistants act for you, what they call, and can end any of them.',
      button: 'Sign in',
    },
    ended: {
      heading: 'Your sign-in has ended',
      text: 'That happens after a while, to keep what is yours to you. Sign in again and you are back where you were.',
      button: 'Sign in again',
    },
    'signed-out': {
      heading: 'You are signed out',
      text: 'Your assistants stay connected. Sign in whenever you want to look after them.',
      button: 'Sign in again',
    },
    erased: {
      heading: 'Everything about you has been erased.',
      text: 'Your assistants are no longer connected. If you connect one again, you begin anew.',
      button: 'Sign in again',
    },
  },

  outcomes: {
    success: 'Success',
    'tool-error': 'Tool error',
    'protocol-error': 'Protocol error',
    refused: 'Refused',
    'timed-out': 'Timed out',
  } satisfies Record<CallOutcome, string>,
  anyError: 'Any error',
  others: 'All others',
  eras: { legacy: 'Legacy', modern: 'Modern' },

  units: {
    milliseconds: (n: string) => `${n}\u00a0ms`,
    seconds: (n: string) => `${n}\u00a0s`,
    minutes: (n: string) => `${n}\u00a0min`,
    hours: (n: string) => `${n}\u00a0h`,
    days: (n: string) => (n === '1' ? 'a day' : `${n}\u00a0days`),
    bytes: (n: string) => `${n}\u00a0B`,
    kilobytes: (n: string) => `${n}\u00a0KB`,
    megabytes: (n: string) => `${n}\u00a0MB`,
    utc: (time: string) => `${time} UTC`,
    span: (from: string, to: string) => `${from} to ${to}`,
  },

  filters: {
    label: 'Filters',
    range: 'Time',
    ranges: {
      '1h': 'Last hour',
      '24h': 'Last 24 hours',
      '7d': 'Last 7 days',
      '30d': 'Last 30 days',
    } satisfies Record<RangeName, string>,
    custom: 'Custom',
    from: 'From',
    to: 'To',
    user: 'User',
    userHint: 'Name or id',
    grant: 'Grant',
    client: 'Client',
    tool: 'Tool',
    outcome: 'Outcome',
    any: 'Any',
    apply: 'Apply',
    chips: 'What is looked at',
    remove: (what: string) => `Remove: ${what}`,
    clear: 'Clear all',
  },

  overview: {
    completeSince: (time: string) => `More calls than can be counted at once: the numbers begin at ${time}.`,
    tiles: 'In numbers',
    calls: 'Calls',
    errors: 'Errors',
    errorRate: (rate: string) => `${rate} of all calls`,
    durations: 'Duration, median',
    percentiles: (p95: string, p99: string) => `p95 ${p95} · p99 ${p99}`,
    users: 'Active users',
    usersNote: 'with at least one call',
    sessions: 'Sessions',
    about: (value: string) => `about ${value}`,
    sessionStates: (active: string, expired: string) => `${active} active · ${expired} expired`,
    sessionLength: (length: string) => `${length} long on average`,
    callsOverTime: 'Calls over time',
    durationsOverTime: 'Durations',
    peopleOverTime: 'Users and sessions',
    by: 'Counted by',
    breakdowns: { outcome: 'Outcome', tool: 'Tool', client: 'Client' } satisfies Record<Breakdown, string>,
    tables: { outcome: 'Outcomes', tool: 'Tools', client: 'Clients' } satisfies Record<Breakdown, string>,
    asTable: 'As a table',
    utcDays: 'Each bar is a day in UTC.',
    callsChart: (calls: string, errors: string, span: string) =>
      `Stacked bars: ${calls} calls, ${errors} of them errors, ${span}. The same as a table is below.`,
    durationsChart: (p50: string, p95: string, p99: string) =>
      `Lines: durations over time. Over the whole time p50 is ${p50}, p95 ${p95}, p99 ${p99}. The same as a table is below.`,
    peopleChart: (users: string, sessions: string) =>
      `Lines: active users and sessions over time. Over the whole time ${users} users and ${sessions} sessions. The same as a table is below.`,
    all: (number: string) => `Show all ${number}`,
    fewer: 'Show fewer',
    live: 'Latest calls',
    allCalls: 'All calls',
    noLive: 'No call yet.',
  },

  columns: {
    time: 'Time',
    user: 'User',
    client: 'Client',
    tool: 'Tool',
    outcome: 'Outcome',
    duration: 'Duration',
    bytes: 'In / out',
    session: 'Session',
    open: 'Details',
    calls: 'Calls',
    errors: 'Errors',
    p50: 'p50',
    p95: 'p95',
    p99: 'p99',
    users: 'Users',
    sessions: 'Sessions',
    era: 'Era',
    firstActivity: 'First activity',
    lastActivity: 'Last activity',
    length: 'Length',
    state: 'State',
    scopes: 'May',
    connectedAt: 'Connected',
    actions: 'What you can do',
    firstSignIn: 'First sign-in',
    lastSignIn: 'Last sign-in',
    look: 'Look at',
  },

  calls: {
    caption: 'Calls, newest first',
    inOrder: 'Calls in the order they began',
    showDetails: (what: string) => `Details of ${what}`,
    fields: {
      id: 'Call id',
      user: 'User',
      client: 'Client',
      clientId: 'Client id',
      clientVersion: 'Version',
      method: 'Method',
      protocol: 'Protocol',
      error: 'Error',
      trace: 'Trace id',
      grant: 'Grant',
      session: 'Session',
      arguments: 'Arguments',
      bytes: 'Bytes in / out',
    },
    empty: 'No calls in this time.',
    emptyFiltered: 'Choose a longer time, or remove a filter.',
    emptyNew: (endpoint: string) => `Connect an assistant to ${endpoint} and call a tool. It appears here by itself.`,
    searchedTo: (time: string) => `Nothing found back to ${time}.`,
    further: 'Search further back',
    more: 'Load more',
    loadingMore: 'Loading…',
    moreFailed: 'The server did not answer. Try it again in a moment.',
  },

  sessions: {
    caption: 'Sessions, newest first',
    empty: 'No sessions in this time.',
    states: {
      active: 'Active',
      'closed by the client': 'Closed by the client',
      expired: 'Expired',
      revoked: 'Revoked',
    },
    partial: 'at least',
    facts: 'About this session',
    timeline: 'Time line',
    timelineHint: 'Each mark is a call, as wide as it took. Choose one to see it below.',
    calls: 'Calls',
    mark: (time: string, what: string, outcome: string, duration: string) =>
      `${time}, ${what}, ${outcome}, ${duration}`,
    end: 'End this session',
    endQuestion: 'End this session?',
    endConsequence: (client: string, user: string) =>
      `The session of ${client} for ${user} ends, and what it remembers is gone. ${client} will be refused at its next request in it. It stays connected and can begin a new session.`,
    you: 'you',
    ended: (revoked: number) => (revoked ? 'The session has been ended.' : 'The session had ended already.'),
    unknown: 'Nothing of that id.',
    unknownNext: 'The session may have been too long ago. Calls are kept for a while only.',
    back: 'All sessions',
    copyId: 'Copy the id',
  },

  grants: {
    caption: 'Connected assistants, newest first',
    intro: 'These programs may act for you on this server. Revoke what you no longer use.',
    introEveryone: 'These programs act for people on this server.',
    empty: 'No assistants are connected.',
    states: { active: 'Active', revoked: 'Revoked', expired: 'Expired' },
    renewed: 'last renewed',
    ends: 'ends at the latest',
    calls: 'Calls',
    sessions: 'Sessions',
    revoke: 'Revoke',
    revokeNamed: (client: string) => `Revoke ${client}`,
    revokeQuestion: (client: string) => `Revoke ${client}?`,
    revokeConsequence: (client: string, user: string | undefined) =>
      `${client}${user ? ` of ${user}` : ''} will be refused at its next request, and its sessions end. It can be connected again by signing in anew.`,
    revoked: (client: string, count: number) =>
      count ? `${client} has been revoked.` : `${client} was not connected any more.`,
    revokeAllMine: 'Revoke all of mine',
    revokeAllOf: (user: string) => `Revoke all of ${user}`,
    revokeAllQuestion: 'Revoke every assistant?',
    revokeAllConsequence: (user: string | undefined) =>
      `Every assistant of ${user ?? 'yours'} will be refused at its next request, and their sessions end. Each can be connected again by signing in anew.`,
    allRevoked: (count: number) =>
      count === 0
        ? 'No assistant was connected any more.'
        : count === 1
          ? 'One assistant has been revoked.'
          : `${count} assistants have been revoked.`,
  },

  users: {
    caption: 'Users, who signed in last first',
    empty: 'Nobody has signed in yet.',
    calls: 'Calls',
    sessions: 'Sessions',
    grants: 'Assistants',
  },

  me: {
    you: 'You',
    name: 'Name',
    key: 'Your id',
    keyHint: 'Under this id your calls are on record. Tell it to the owner when you ask about them.',
    role: 'You are',
    owner: 'an owner of this server: you see everyone',
    user: 'a user of this server: you see yourself',
    signInEnds: 'This sign-in ends',
    kept: 'Calls are kept for',
    erase: 'Erase everything about me',
    eraseText:
      'All your assistants are revoked, and your sessions, your calls and all else that is kept about you are deleted. Nobody can bring it back.',
    eraseQuestion: 'Erase everything about you?',
    eraseWord: 'erase',
    eraseType: (word: string) => `Type “${word}” to go on`,
    erasing: (items: string) => `${items} items have gone so far. Keep this page open.`,
    eraseFailed: 'The server stopped answering. What has gone is gone; press again to go on with the rest.',
  },

  dialog: {
    cancel: 'Cancel',
    working: 'One moment…',
    failed: 'The server does not answer at the moment. Nothing has changed; try it again.',
    refused: 'The server has not done this. Load the page again and try once more.',
  },
  status: { dismiss: 'Dismiss' },
  copy: { copy: 'Copy', copied: 'Copied', of: (what: string) => `the ${what}` },

  loading: 'Loading…',
  trouble: {
    outage: (seconds: number) => `The server does not answer at the moment. Trying again in ${seconds} s.`,
    403: 'This is for owners of this server.',
    404: 'Nothing of that id.',
    400: 'The server does not understand what is asked for. Remove the filters and try again.',
    other: 'This did not work. Load the page again; if that does not help, tell the owner of this server.',
  },
};
