import type { CallOutcome } from '../core/audit/tool-call.ts';
import type { BarBreakdown, Breakdown } from '../core/dashboard/dashboard-api.ts';
import type { RangeName, View } from './page-router.ts';

/**
 * All text of the dashboard. To translate the dashboard, translate this file.
 *
 * Names of users, clients and tools, and the error messages of calls, come from the API.
 */
export const dashboardText = {
  skip: 'Skip to content',
  none: '–',
  views: {
    overview: 'Overview',
    calls: 'Tool calls',
    errors: 'Errors',
    sessions: 'Sessions',
    session: 'Session',
    grants: 'Connected apps',
    tokens: 'Access tokens',
    users: 'Users',
    me: 'My data',
  } satisfies Record<View, string>,
  nav: 'Views',
  headings: {
    activity: 'Activity',
    yourActivity: 'Your activity',
    activityOf: (user: string) => `Activity of ${user}`,
  },

  userScope: { label: 'Users shown', everyone: 'Everyone', onlyMe: 'Only me' },
  live: { on: 'Live', paused: 'Paused', pause: 'pause updates', resume: 'resume updates' },
  search: {
    label: 'Tool, client, user or id',
    submit: 'Find',
    notFound: 'No tool, client or user has this name, and no session, call, connected app or user this id.',
    failed: 'The search failed. Try again in a moment.',
  },
  signOut: 'Sign out',
  signedOut: {
    first: {
      heading: 'Sign in to see your connected apps',
      text: 'See which apps are connected to this server on your behalf and which tools they call, and revoke their access.',
      button: 'Sign in',
    },
    ended: {
      heading: 'Your sign-in has expired',
      text: 'Sign-ins expire after a while to protect your data. Sign in again to return to this view.',
      button: 'Sign in again',
    },
    'signed-out': {
      heading: 'You are signed out',
      text: 'Your apps stay connected. Sign in again to manage them.',
      button: 'Sign in again',
    },
    erased: {
      heading: 'Your data has been erased',
      text: 'Your apps are no longer connected. If you connect one again, it starts without earlier data.',
      button: 'Sign in again',
    },
  },

  outcomes: {
    success: 'Success',
    'tool-error': 'Tool error',
    'error-result': 'Error result',
    'unknown-tool': 'Unknown tool',
    'invalid-arguments': 'Invalid arguments',
    refused: 'Refused',
    'protocol-error': 'Protocol error',
    cancelled: 'Cancelled',
    'timed-out': 'Timed out',
    interrupted: 'Interrupted',
    unavailable: 'Unavailable',
  } satisfies Record<CallOutcome, string>,
  anyError: 'Any error',
  others: 'All others',
  eras: { legacy: 'Legacy', modern: 'Modern' },

  units: {
    milliseconds: (n: string) => `${n}\u00a0ms`,
    seconds: (n: string) => `${n}\u00a0s`,
    minutes: (n: string) => `${n}\u00a0min`,
    hours: (n: string) => `${n}\u00a0h`,
    days: (n: string) => (n === '1' ? '1\u00a0day' : `${n}\u00a0days`),
    bytes: (n: string) => `${n}\u00a0B`,
    kilobytes: (n: string) => `${n}\u00a0KB`,
    megabytes: (n: string) => `${n}\u00a0MB`,
    utc: (time: string) => `${time} UTC`,
    timeSpan: (from: string, to: string) => `${from} to ${to}`,
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
    clientInfo: 'Calls itself',
    tool: 'Tool',
    outcome: 'Outcome',
    error: 'Error',
    any: 'Any',
    apply: 'Apply',
    active: 'Active filters',
    remove: (filter: string) => `Remove: ${filter}`,
    clear: 'Clear all',
  },

  overview: {
    completeSince: (time: string) => `There are too many calls in this period. The numbers start at ${time}.`,
    tiles: 'Totals',
    calls: 'Tool calls',
    errors: 'Errors',
    errorRate: (rate: string) => `${rate} of all calls`,
    change: (change: string) => `${change} against the period before`,
    durations: 'Duration, median',
    percentiles: (p95: string, p99: string) => `p95 ${p95} · p99 ${p99}`,
    users: 'Active users',
    usersNote: 'with at least one call',
    sessions: 'Sessions',
    about: (value: string) => `about ${value}`,
    sessionStates: (active: string, expired: string) => `${active} active · ${expired} expired`,
    sessionLength: (length: string) => `average length ${length}`,
    callsOverTime: 'Tool calls over time',
    durationsOverTime: 'Durations',
    distribution: 'Durations by number of calls',
    durationViews: { label: 'Durations shown', time: 'Over time', distribution: 'Distribution' },
    below: (duration: string) => `< ${duration}`,
    longer: 'longer',
    answers: 'Answer size, average',
    answersOverTime: 'Answer sizes',
    answerSizes: { average: 'Average', largest: 'Largest' },
    tokens: (tokens: string) => `about ${tokens} tokens`,
    largest: (size: string) => `largest ${size}`,
    usersOverTime: 'Users and sessions',
    topUsers: 'Most active users',
    targets: 'Resources and prompts',
    targetKinds: { 'resources/read': 'Resource', 'prompts/get': 'Prompt' } as Record<string, string>,
    neighbours: (tool: string) => `Before and after ${tool}`,
    neighboursNote: 'Calls of the same session, in the same five minutes.',
    before: 'Called before',
    after: 'Called after',
    noNeighbours: 'No other call is next to it.',
    groupBy: 'Group by',
    breakdowns: {
      outcome: 'Outcome',
      tool: 'Tool',
      client: 'Client',
      version: 'Version',
      protocol: 'Protocol',
    } satisfies Record<BarBreakdown, string>,
    notStated: 'Not stated',
    tables: { outcome: 'Outcomes', tool: 'Tools', client: 'Clients' } satisfies Record<Breakdown, string>,
    asTable: 'Show as table',
    utcDays: 'Each bar is a day in UTC.',
    callsChart: (calls: string, errors: string, timeSpan: string) =>
      `Stacked bar chart: ${calls} calls, of which ${errors} are errors, ${timeSpan}. The table below has the same data.`,
    durationsChart: (p50: string, p95: string, p99: string) =>
      `Line chart of durations. In the whole period p50 is ${p50}, p95 ${p95}, p99 ${p99}. The table below has the same data.`,
    distributionChart: (calls: string) =>
      `Bar chart of the durations of ${calls} calls. The table below has the same data.`,
    answersChart: (average: string, largest: string) =>
      `Line chart of the sizes of answers. In the whole period the average is ${average}, the largest ${largest}. The table below has the same data.`,
    usersChart: (users: string, sessions: string) =>
      `Line chart of active users and sessions. In the whole period ${users} users and ${sessions} sessions. The table below has the same data.`,
    showAll: (number: string) => `Show all ${number}`,
    showFewer: 'Show fewer',
    latestCalls: 'Latest tool calls',
    allCalls: 'All tool calls',
    noCalls: 'No tool calls yet.',
  },

  columns: {
    time: 'Time',
    user: 'User',
    client: 'Client',
    app: 'App',
    tool: 'Tool',
    outcome: 'Outcome',
    duration: 'Duration',
    bytes: 'In / out',
    session: 'Session',
    details: 'Details',
    calls: 'Calls',
    errors: 'Errors',
    error: 'Error',
    trend: 'Trend',
    firstSeen: 'First seen',
    lastSeen: 'Last seen',
    p50: 'p50',
    p95: 'p95',
    p99: 'p99',
    answer: 'Answer',
    tokens: 'Tokens',
    users: 'Users',
    sessions: 'Sessions',
    era: 'Era',
    firstActivity: 'First activity',
    lastActivity: 'Last activity',
    length: 'Length',
    state: 'State',
    scopes: 'Scopes',
    connectedAt: 'Connected',
    actions: 'Actions',
    firstSignIn: 'First sign-in',
    clients: 'Clients',
    views: 'View',
  },

  /** After a number that has no column heading. */
  counted: {
    calls: (n: number) => (n === 1 ? 'call' : 'calls'),
    errors: (n: number) => (n === 1 ? 'error' : 'errors'),
    users: (n: number) => (n === 1 ? 'user' : 'users'),
  },

  /** The name that a client states, if it is registered under another one. */
  callsItself: (name: string) => `calls itself ${name}`,

  calls: {
    caption: 'Tool calls, newest first',
    captionInOrder: 'Tool calls, oldest first',
    showDetails: (call: string) => `Details of ${call}`,
    fields: {
      id: 'Call id',
      user: 'User',
      client: 'Client',
      method: 'Method',
      protocol: 'Protocol',
      error: 'Error',
      place: 'Line',
      fingerprint: 'Equal errors',
      trace: 'Trace id',
      grant: 'Grant',
      session: 'Session',
      arguments: 'Arguments',
      bytes: 'Bytes in / out',
    },
    sameErrors: 'All calls with this error',
    empty: 'No tool calls in this period.',
    emptyFiltered: 'Choose a longer period, or remove a filter.',
    emptyNew: (endpoint: string) =>
      `Add ${endpoint} to an MCP client and call a tool. The call appears here automatically.`,
    searchedTo: (time: string) => `Searched back to ${time}.`,
    progress: 'Searched part of the time',
    searchFurther: 'Search further back',
    loadMore: 'Load more',
    loading: 'Loading…',
    loadFailed: 'The server did not respond. Try again in a moment.',
  },

  errors: {
    caption: 'Errors, the latest first',
    empty: 'No errors in this period.',
    emptyHint:
      'Errors that tools throw, calls of unknown tools and invalid arguments appear here, equal ones together.',
    clients: 'Clients',
    lastCall: 'Last call in its session',
    allCalls: (calls: string) => `All ${calls} calls`,
    stackHint: (call: string) =>
      `The stack is in the function's log. In CloudWatch Logs Insights: filter event = "tool_failed" and call = "${call}".`,
  },

  sessions: {
    caption: 'Sessions, newest first',
    empty: 'No sessions in this period.',
    states: {
      active: 'Active',
      'closed by the client': 'Closed by the client',
      expired: 'Expired',
      revoked: 'Revoked',
    },
    atLeast: 'at least',
    properties: 'Session details',
    timeline: 'Timeline',
    timelineHint: 'Each bar is a tool call, and its width is the duration. Select one to see it in the table below.',
    calls: 'Tool calls',
    timelineCall: (time: string, tool: string, outcome: string, duration: string) =>
      `${time}, ${tool}, ${outcome}, ${duration}`,
    revoke: 'Revoke session',
    revokeQuestion: 'Revoke this session?',
    revokeConsequence: (client: string, user: string) =>
      `This deletes the session of ${client} for ${user}, including its state. The server rejects the next request in the session. ${client} stays connected and can start a new session.`,
    you: 'you',
    revoked: (count: number) => (count ? 'The session has been revoked.' : 'The session had already ended.'),
    unknown: 'Session not found',
    unknownHint: 'The session may be older than the retention period of tool calls.',
    all: 'All sessions',
  },

  grants: {
    caption: 'Connected apps, newest first',
    intro: 'These apps can use this server on your behalf. Revoke the ones you no longer use.',
    introEveryone: 'These apps can use this server on behalf of users.',
    empty: 'No connected apps.',
    states: { active: 'Active', revoked: 'Revoked', expired: 'Expired' },
    showOthers: (others: number, active: number) =>
      active > 0 ? `${others} more, ${active} of them active` : `${others} more, not active`,
    hideOthers: 'Show one',
    service: 'service, without a person',
    tokens: 'Personal access tokens',
    renewed: 'last renewed',
    lastRequest: 'last request',
    expires: 'expires by',
    calls: 'Calls',
    sessions: 'Sessions',
    revoke: 'Revoke',
    revokeNamed: (client: string) => `Revoke ${client}`,
    revokeQuestion: (client: string) => `Revoke ${client}?`,
    revokeConsequence: (client: string, user: string | undefined, isDirect: boolean) =>
      `The server rejects the next request of ${client}${user ? ` for ${user}` : ''}, and its sessions end. ${isDirect ? 'Only the operator of the server can admit it again.' : 'To connect it again, sign in again.'}`,
    revoked: (client: string, count: number) =>
      count ? `${client} has been revoked.` : `${client} was already revoked.`,
    revokeAllMine: 'Revoke all my apps',
    revokeAllOf: (user: string) => `Revoke all apps of ${user}`,
    revokeAllQuestion: 'Revoke all connected apps?',
    revokeAllConsequence: (user: string | undefined, isDirect: boolean) =>
      isDirect
        ? `The server rejects the next request of ${user ? `every app of ${user}` : 'each of your apps'}, and their sessions end. Only the operator of the server can admit an app again.`
        : `The server rejects the next request of ${user ? `every app and access token of ${user}` : 'each of your apps and access tokens'}, and their sessions end. To connect an app again, sign in again.`,
    allRevoked: (count: number) =>
      count === 0
        ? 'All apps were already revoked.'
        : count === 1
          ? 'One app has been revoked.'
          : `${count} apps have been revoked.`,
  },

  tokens: {
    caption: 'Personal access tokens, newest first',
    intro:
      'For programs that cannot sign in and can send a fixed header. A token acts for you, with the scopes that you choose, until it expires or you revoke it.',
    make: 'Make a token',
    name: 'Name',
    nameHint: 'CI of the shop',
    lifetime: 'Lifetime',
    noScope: 'Choose at least one scope.',
    rejected: 'The server rejected the request. Check the name, or reload the page and try again.',
    made: 'Your new token',
    madeHint: 'Copy it now: it is not stored, and this page shows it once. Keep it as you keep a password.',
    token: 'token',
    command: (endpoint: string) =>
      `claude mcp add --transport http my-server ${endpoint} --header "Authorization: Bearer hfp_…"`,
    close: 'I have copied it',
    expires: 'expires',
    lastUsed: 'Last used',
    unused: 'Not used yet',
    empty: 'No tokens.',
    emptyHint: 'Apps that can sign in need none: connect them by the address of this server.',
    revokeConsequence: 'The server rejects the next request with this token. A revoked token cannot be restored.',
    off: 'No access tokens',
    offHint: 'The operator of this server has not switched them on.',
  },

  users: {
    caption: 'Users, most recent sign-in first, with the activity of 30 days',
    noNames:
      'Users appear by their ids. To show names, set this property of the stack, deploy, and let users sign in again:',
    namesSetting: "showNames: 'name'",
    empty: 'No users have signed in yet.',
    calls: 'Calls',
    sessions: 'Sessions',
    grants: 'Connected apps',
  },

  me: {
    account: 'Account',
    name: 'Name',
    id: 'Your id',
    idHint: 'The audit log identifies you by this id. Give it to the admins of this server when you have a question.',
    role: 'Role',
    admin: 'Admin: you see the data of all users',
    user: 'User: you see your own data',
    signInExpires: 'Sign-in expires',
    retention: 'Tool calls are kept for',
    erase: 'Erase my data',
    eraseText:
      'This revokes all your connected apps and deletes your sessions, your tool calls and all other data about you. It cannot be undone.',
    eraseQuestion: 'Erase all data about you?',
    eraseWord: 'erase',
    eraseConfirm: (word: string) => `Type “${word}” to confirm`,
    eraseProgress: (items: string) => `${items} items erased so far. Keep this page open.`,
    eraseFailed: 'The server did not respond. Some data is erased; press the button again to erase the rest.',
  },

  dialog: {
    cancel: 'Cancel',
    working: 'Please wait…',
    failed: 'The server is unavailable. Try again in a moment: what has been done is not done twice.',
    rejected: 'The server rejected the request. Reload the page and try again.',
  },
  status: { dismiss: 'Dismiss' },
  copy: { copy: 'Copy', copied: 'Copied', label: (value: string) => `the ${value}` },

  loading: 'Loading…',
  requestErrors: {
    unavailable: (seconds: number) => `The server is unavailable. The next attempt is in ${seconds} s.`,
    403: 'Only admins of this server can see this view.',
    404: 'Not found.',
    400: 'The server does not support these filters. Remove them and try again.',
    other: 'The request failed. Reload the page. If the error persists, contact the admins of this server.',
  },
};
