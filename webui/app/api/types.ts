// Written by `cargo xtask docs` from the OpenAPI document; do not edit.

/** What an action did, or with `dry_run` would do. */
export type Acted = {
  /** Recipients that matched but were being delivered at that moment, and were left alone. */
  busy_recipients: number;
  dry_run: boolean;
  messages: number;
  recipients: number;
  /**
   * Recipients that matched a `release` but are held by the table, as in a cutover: only the next
   * change of their entry lets them go on.
   */
  table_held_recipients?: number;
};

export type Action = "retry" | "hold" | "release" | "bounce" | "discard";

/** `POST /api/v1/queue/actions`. */
export type ActionRequest = {
  action: Action;
  /** Count and change nothing. */
  dry_run?: boolean;
  /** Goes into the ledger. Wanted for `discard`. */
  reason?: string | null;
  selector: Selector;
};

/** Something that wants a person, or did. */
export type Alert = {
  /** Which site, which certificate. */
  labels: Record<string, string>;
  /** As in the page about it: `SiteDown`. */
  name: string;
  /** Path of a page on this server: `/help/alert-site-down`. */
  runbook: string;
  severity: Severity;
  /** When it took this state. */
  since: string;
  state: AlertState;
  summary: string;
};

/** `GET /api/v1/alerts`: what is firing first, then what is about to, then what ended lately. */
export type AlertList = {
  alerts: Alert[];
};

export type AlertSent = {
  detail: string;
  ok: boolean;
  to: string;
};

export type AlertState = "firing" | "resolved" | "pending";

/** `POST /api/v1/alerts/test`: whom a test was sent to. Empty if the configuration names nobody. */
export type AlertTest = {
  sent: AlertSent[];
};

/** `POST /api/v1/plans/{id}/apply`. */
export type ApplyRequest = {
  /** The plan's `confirm`, repeated. */
  confirm?: string | null;
  /** Only if this is still the table's generation, as with `If-Match`. */
  expect_generation?: number | null;
  overrides?: RailOverride[];
};

/** The newest first. */
export type AuditList = {
  /** `null` on the last page. */
  next_cursor?: string | null;
  records: AuditRecord[];
};

/** `GET /api/v1/audit?…` */
export type AuditQuery = {
  /** The beginning of the action, as `POST /api/v1/plans`. */
  action?: string | null;
  actor?: string | null;
  /** At this moment or later, RFC 3339. */
  after?: string | null;
  /** Before this moment, RFC 3339. */
  before?: string | null;
  /** `next_cursor` of the page before. */
  cursor?: string | null;
  /** 1 to 1,000, else 200. */
  limit?: number | null;
};

/** One link of the chain. */
export type AuditRecord = {
  /** Method and route, as in the OpenAPI document. */
  action: string;
  actor: string;
  at: string;
  /** `seq` of the record that began it. */
  begun?: number | null;
  /** Code of the problem, or empty. */
  code: string;
  /** JSON with reason, ticket, overridden rails and the like. Never a secret or content. */
  details: string;
  hash: string;
  /** `begun`, `ended`, `refused`, `shown`, `login` or `kept` (older records were let go). */
  kind: string;
  previous_hash: string;
  seq: number;
  /** The peer's address. */
  source: string;
  /** HTTP status of the answer; `null` while it is begun. */
  status?: number | null;
  /** What the route's variable parts were. */
  target: string;
  /** How they proved it; for a session also which. */
  via: string;
};

/** Whether the chain holds. */
export type AuditVerification = {
  broken?: string | null;
  /** The first record that is not as it was, and what is wrong. */
  broken_seq?: number | null;
  first_seq: number;
  head_hash: string;
  intact: boolean;
  last_seq: number;
  records: number;
};

/** What stands between a change and the table, or with `overridden_by` what stood there. */
export type Blocked = {
  /** Some of them. */
  examples: string[];
  /** What to do about it. */
  hint: string;
  message: string;
  overridable: boolean;
  overridden_by?: string | null;
  rail: Rail;
  /** How many rows it concerns. */
  rows: number;
};

/** Applies a few rows first and lets their mail decide over the rest. */
export type Canary = {
  /** The rest follows after so many deliveries to the first rows … */
  after_deliveries?: number | null;
  /** … or after this time, whichever is first. 10 to 604,800; 900 if neither is given. */
  after_seconds?: number | null;
  /**
   * It goes back by itself above this share of bounces, once five outcomes were seen. 2 if not
   * given.
   */
  bounce_percent_max?: number | null;
  percent?: number | null;
  /** So many rows first; or `percent` of them, 1 to 99. */
  recipients?: number | null;
};

export type CanaryProgress = {
  bounced: number;
  delivered: number;
  /** The generation that they made. */
  generation: number;
  /** Rows that were applied first. */
  rows: number;
  since: string;
};

/** `GET /api/v1/table/verify`: whether every revision is as it was written. */
export type ChainReport = {
  /** The first revision that is not as it was written, and why. */
  broken_at?: number | null;
  /** Hash of the last one, in hexadecimal. */
  head?: string | null;
  problem?: string | null;
  /** Revisions that were read. */
  revisions: number;
  whole: boolean;
};

/** One entry before and after. */
export type Change = {
  address: string;
  after?: Entry | null;
  before?: Entry | null;
};

/** What an edit did, or with `dry_run` what it would do. */
export type Changed = {
  added: number;
  /** With `dry_run`: the rails that would stop it. Otherwise those that were overridden. */
  blocked?: Blocked[];
  changed: number;
  /** Each address that differs now: with it one can go back. Empty for imports. */
  changes: Change[];
  dry_run: boolean;
  /** The table's generation afterwards; the present one if nothing changed. */
  generation: number;
  removed: number;
};

/** One thing that has to work before mail can be taken. */
export type Check = {
  /** `spool`, `recovery`, … */
  name: string;
  ok: boolean;
  /** Why not, or a remark such as how far recovery has come. */
  reason?: string | null;
};

/** `GET /api/v1/configuration`. Secrets are in files that the configuration names, and not in here. */
export type Configuration = {
  /**
   * Keys for which the file says something else by now than what runs, in the order of their
   * names. Empty when it cannot be read as well.
   */
  differences: ConfigurationDifference[];
  /** Its path on the gateway's host. */
  file: string;
  /** Every key of these, in the same order. */
  keys: ConfigurationKey[];
  /**
   * What is wrong with the file as it is on disk now: a reload would change nothing. Empty when
   * it is fine.
   */
  mistakes: FieldError[];
  /** In the order of the reference page, those of one kind in the order of the file. */
  sections: ConfigurationSection[];
  /** What is unwise in it. */
  warnings: FieldError[];
};

/** One key whose value in the file is not what runs. */
export type ConfigurationDifference = {
  /** What the file says; null likewise. */
  file?: string | null;
  key: string;
  /** What runs; null when nothing is set, or the section is not there. */
  running?: string | null;
  /**
   * A key that a reload changes may wait for a restart together with others: a domain for the
   * site that it names.
   */
  takes: ConfigurationTakes;
};

/** One key with the value that the gateway goes by. */
export type ConfigurationKey = {
  about: string;
  /** As it would be written. */
  default?: string | null;
  /** `SECTION.NAME`: as mistakes of the file and reloads name it. */
  key: string;
  /** Of the file, where the value is written. */
  line?: number | null;
  name: string;
  section: string;
  source: ConfigurationSource;
  /** What puts a new value into force. */
  takes: ConfigurationTakes;
  /** What it means that nothing is set. */
  unset_means?: string | null;
  /** As it would be written in the file; null when nothing is set, see `unset_means`. */
  value?: string | null;
  /** Type, unit and range. */
  wants: string;
};

export type ConfigurationSection = {
  about: string;
  /** `limits`, `site.cloud`, `listener[mx]` */
  name: string;
};

/** Where a value is from. */
export type ConfigurationSource = "default" | "file";

/** What puts a new value into force. */
export type ConfigurationTakes = "reload" | "restart";

export type Cut = {
  dry_run: boolean;
  /** One for each lease that was cut. */
  leases: CutLease[];
  /**
   * Recipients of other mailboxes that are in doubt by it: their message was sent to its end on
   * the same connection.
   */
  others_in_doubt: number;
};

/** A lease and what became of it. */
export type CutLease = {
  hop: string;
  message: string;
  outcome: CutOutcome;
  recipient: string;
  since: string;
};

export type CutOutcome = "aborted" | "in_doubt" | "settled" | "under_way";

/** `POST /api/v1/moves/{address}/cut`: breaks off attempts for a mailbox in cutover. */
export type CutRequest = {
  /** Say which would be cut, and do nothing. */
  dry_run?: boolean;
  /** Only those that began so long ago; else all of them. */
  older_than_seconds?: number | null;
  /** Goes into the audit log. */
  reason?: string | null;
};

/** `GET /api/v1/table/diff?from=&to=`; `to` is now if it is not given. */
export type DiffQuery = {
  cursor?: string | null;
  from: number;
  /** 1 to 1,000, else 200. */
  limit?: number | null;
  to?: number | null;
};

/** One entry of a directory, and what is wrong with it. */
export type DirectoryMistake = {
  entry: string;
  message: string;
};

/** One `[directory.NAME]` and its last good copy. */
export type DirectorySource = {
  addresses: number;
  /** Since the last good read. */
  age_seconds?: number | null;
  /** Recipients that it does not know are refused; otherwise they are put off. */
  fresh: boolean;
  full_at?: string | null;
  /** The last good read, and the last one in full. */
  good_at?: string | null;
  /** `ldap`, `csv` or `callout`. */
  kind: string;
  last_error?: string | null;
  last_sync?: DirectorySync | null;
  /** Entries of the last full read that are wrong in some way, and the first of them. */
  mistakes: number;
  mistakes_listed: DirectoryMistake[];
  name: string;
  /** What a sync would remove, and waits for somebody to agree. */
  pending_removals?: PendingRemovals | null;
  /** Where it is read from. */
  place: string;
  recipients: number;
  state: DirectoryState;
  tried_at?: string | null;
};

export type DirectoryState = "ok" | "waiting" | "failed" | "needs_confirmation" | "asking";

/** `GET /api/v1/directory`. */
export type DirectoryStatus = {
  addresses: number;
  /** Addresses that more than one recipient has: the first keeps them. */
  conflicts: number;
  /** Of all sources together. */
  recipients: number;
  sources: DirectorySource[];
};

/** What a read did, or with `dry_run` would do. With `pending_removals` it did nothing. */
export type DirectorySync = {
  added: number;
  changed: number;
  dry_run: boolean;
  entries: number;
  /** Everything was read, not only what changed. */
  full: boolean;
  milliseconds: number;
  pending_removals?: PendingRemovals | null;
  removed: number;
};

/** What was asked is so now. */
export type Done = {
  /** Sessions that this ended. */
  sessions_ended: number;
};

/** One disagreement. */
export type Drift = {
  address: string;
  /** What the directory says. */
  directory?: string | null;
  kind: DriftKind;
  /** A command that would bring the table in line, where there is one. */
  suggestion?: string | null;
  /** What the table says. */
  table?: string | null;
};

export type DriftKind = "not_in_table" | "not_in_directory" | "home_differs" | "alias_differs" | "alias_conflict";

/** Where table and directories disagree: one page, by address. */
export type DriftList = {
  /** Of the table. */
  generation: number;
  next_cursor?: string | null;
  rows: Drift[];
};

/** `GET /api/v1/directory/drift?…` */
export type DriftQuery = {
  /** `next_cursor` of the page before. */
  cursor?: string | null;
  /** 1 to 1,000, else 200. */
  limit?: number | null;
};

/** Events that a listener did not get. */
export type Dropped = {
  /** At least so many. */
  n: number;
  why: DroppedWhy;
};

export type DroppedWhy = "sampled" | "slow" | "gone";

/** One mailbox of the table. */
export type Entry = {
  address: string;
  aliases: string[];
  batch?: string | null;
  changed_at: string;
  /** The recipient at the cloud side, when the site's template does not give it. */
  cloud_address?: string | null;
  /** The generation that last changed it. */
  generation: number;
  /** The site where it lives now. */
  home: string;
  note?: string | null;
  state: MoveState;
};

/** One page. */
export type EntryList = {
  entries: Entry[];
  generation: number;
  /** `null` on the last page. */
  next_cursor?: string | null;
  /** With `offset`: how many entries match in this generation. */
  total?: number | null;
};

/**
 * What to change of an entry. A field that is left out keeps its value; `null` or `""` clears it.
 * For an address without an entry `home` is needed, and the rest starts empty.
 */
export type EntryPatch = {
  aliases?: string[] | null;
  batch?: string | null;
  cloud_address?: string | null;
  home?: string | null;
  note?: string | null;
  state?: MoveState | null;
};

/** `GET /api/v1/explain?address=…`: what is asked. */
export type Explain = {
  /** The recipient. */
  address: string;
  /** A generation of the table other than the present one. */
  generation?: number | null;
  /** The peer that would send it: it decides which domains are relayed for it. */
  ip?: string | null;
};

/** The decision for one recipient and each step that led to it. */
export type Explanation = {
  address: string;
  conclusion: string;
  /** A second site that gets a copy. */
  copy_to?: string | null;
  /** What the sender and the recipient will see of it, as things are now. */
  expected?: string;
  generation: number;
  /** Where to: a site's name, or a domain that is looked up by MX. `null` for a refusal. */
  hop?: string | null;
  /** Servers of the site in the order in which they would be tried now. */
  hosts?: Host[];
  limits?: HopLimits | null;
  /** The recipient as that hop will see it. */
  onward?: string | null;
  /** What the client hears at RCPT. */
  reply?: string | null;
  /** Health of the site, now; `null` for what goes to no site. */
  site_state?: SiteState | null;
  steps: Step[];
  /** The whole of it for people, one line per step. */
  text: string;
  /** `none`, `opportunistic`, `require` or `verify`. */
  tls?: string | null;
  /**
   * `deliver`, `hold`, `reject`, `defer` (it is not known whether the recipient exists), or `ask`
   * (a site is asked whether it does).
   */
  verdict: string;
};

/** One mistake in a request: where it is, and what to write instead. */
export type FieldError = {
  message: string;
  /** A field's name, `line 3, column home`, or `causeway.toml:4:1`. */
  place: string;
};

/** `GET /api/v1/metrics/summary`: the last hour at a glance, the oldest first. */
export type Figures = {
  every_seconds: number;
  points: Point[];
};

/** What became of one recipient of one message. */
export type FlowEvent = {
  at: string;
  /** The message's id, as `trace` takes it. */
  id: string;
  kind: FlowKind;
  recipient: string;
  /** What the next hop said, or why it is on hold. */
  reply?: string | null;
  /** Empty for a notification. */
  reverse_path: string;
  /** From acceptance to now; `null` for `accepted`. */
  seconds?: number | null;
  /** A site's name, or the domain of a stranger; not known yet of what is only accepted. */
  site?: string | null;
  size_bytes?: number | null;
};

export type FlowKind = "accepted" | "deferred" | "delivered" | "held" | "bounced" | "discarded";

/** One edit or import. */
export type Generation = {
  /** Entries. */
  added: number;
  approvers?: string[];
  at: string;
  author: string;
  changed: number;
  generation: number;
  /** SHA-256 over the revision and its rows, in hexadecimal. */
  hash?: string | null;
  /** Rails that it passed by an override, with the reason: `large_change: merger`. */
  overrides?: string[];
  /** The generation that it was made from; `null` for one that an older version wrote. */
  parent?: number | null;
  /** The plan that was applied. */
  plan?: string | null;
  previous_hash?: string | null;
  reason?: string | null;
  removed: number;
  ticket?: string | null;
};

/** Who changed the table, and why: the newest first. */
export type History = {
  generations: Generation[];
};

/** `GET /api/v1/table/history?…` */
export type HistoryQuery = {
  /** Only generations before this one: the last of the page before. */
  before?: number | null;
  /** 1 to 1,000, else 200. */
  limit?: number | null;
};

/** One row of the summary, in recipients. */
export type Hop = {
  active: number;
  /** One number more than `age_bounds_seconds` has. */
  by_age: number[];
  deferred: number;
  held: number;
  name: string;
  oldest_seconds?: number | null;
};

/** What the way to a site bears. */
export type HopLimits = {
  /** Open now, and at most. */
  connections: number;
  connections_max: number;
  /** Of a message that we accept at all. */
  message_bytes_max: number;
  messages_per_connection_max: number;
  /** In one transaction with the site. */
  recipients_max: number;
};

/** One server of a site. */
export type Host = {
  last_error?: string | null;
  name: string;
  state: SiteState;
};

/** Mailboxes of a domain whose mail would go elsewhere. */
export type Impact = {
  domain: string;
  /** Sites; `null` where mail is refused. */
  from?: string | null;
  n: number;
  to?: string | null;
};

/** `POST /api/v1/table/import?…`; the body is the CSV file, at most 64 MiB. */
export type ImportOptions = {
  /** Columns that nobody knows are left out. */
  allow_unknown_columns?: boolean;
  batch?: string | null;
  dry_run?: boolean;
  expect_generation?: number | null;
  /** For files without the column: what all their rows get. */
  home?: string | null;
  /** Rails to pass, with commas between them; `reason` says why. */
  override?: string | null;
  reason?: string | null;
  /** The file is the whole table: entries that are not in it are removed. */
  replace?: boolean;
  state?: MoveState | null;
};

/**
 * What an import did, or with `dry_run` what it would do. A file with mistakes changes nothing: the
 * answer is then a 422 whose `errors` lists all of them by line and column.
 */
export type Imported = {
  added: number;
  /** As in [`Changed`]. */
  blocked?: Blocked[];
  changed: number;
  dry_run: boolean;
  /** Afterwards. */
  generation: number;
  /** Before: `export` of it and `import` with `replace` go back. */
  previous_generation: number;
  /** Columns that were not read, and why. */
  remarks?: string[];
  removed: number;
  rows: number;
};

/**
 * A delivery whose outcome nobody knows: the answer to the end of the message was lost, or the
 * gateway was killed while it may have been on its way.
 */
export type InDoubt = {
  attempts: number;
  first_failed_at?: string | null;
  /** Where it waits; in state `cutover` that is where it was attempted. */
  hop: string;
  /** `null` when the gateway was killed before there was one. */
  last_reply?: string | null;
  message: string;
  recipient: string;
};

/** An attempt that is under way. */
export type Lease = {
  /** Of the table when it began; a newer one may have decided. */
  generation: number;
  /** The site where it is being delivered. */
  hop: string;
  /** Our id of the message. */
  message: string;
  /** As the sender wrote it; empty when the message cannot be read. */
  recipient: string;
  /** To the tenth of a second. */
  since: string;
};

/** `GET /api/v1/table/entries?…`: entries in the order of their address, those that match all. */
export type ListQuery = {
  batch?: string | null;
  /** Changed by a generation later than this one. */
  changed_after?: number | null;
  /** `next_cursor` of the page before. */
  cursor?: string | null;
  domain?: string | null;
  /** As the table was then; without it, as it is. */
  generation?: number | null;
  home?: string | null;
  /** 1 to 1,000, else 200. */
  limit?: number | null;
  /** Part of the address or of an alias, in any case. */
  matching?: string | null;
  /** Instead of a cursor: this many rows before the page. The answer then has `total`. */
  offset?: number | null;
  state?: MoveState | null;
};

/**
 * `POST /api/v1/session`: `user` and `password`, with `code` if the account has a second factor;
 * or `token` alone.
 */
export type Login = {
  /** Six digits of the authenticator, or a recovery code. */
  code?: string | null;
  password?: string | null;
  token?: string | null;
  user?: string | null;
};

export type MadeToken = {
  /** What goes after `Bearer`. Shown this once. */
  secret: string;
  token: Token;
};

/** One mailbox in its move: `GET /api/v1/moves/{address}`, for an alias that of its mailbox. */
export type Move = {
  address: string;
  batch?: string | null;
  /** Of its row: what a transition compares. */
  generation: number;
  /** Recipients whose mail the cutover holds. */
  held_messages: number;
  /** In state `cutover`: when it goes back by itself. */
  hold_until?: string | null;
  /** The site where it lives. */
  home: string;
  /** Recipients that may have their message already. At most 1,000. */
  in_doubt: InDoubt[];
  in_doubt_total: number;
  /**
   * Attempts under way, to it or to any of its aliases. Once a transition to `cutover` is
   * acknowledged no other begins, so when this is empty nothing is. At most 1,000.
   */
  leases: Lease[];
  /** All of them, also those that are not listed. */
  leases_total: number;
  /** When it was cut over; in the other states, when its row last changed. */
  since: string;
  state: MoveState;
  /** What the sidecar reported last. */
  sync?: SyncReport | null;
};

/** One page. */
export type MoveList = {
  /** Of the table. */
  generation: number;
  moves: Move[];
  /** `null` on the last page. */
  next_cursor?: string | null;
};

/** Where a mailbox is on its way. product.md: `on_prem → syncing → cutover → cloud → settled`. */
export type MoveState = "on_prem" | "syncing" | "cutover" | "cloud" | "settled";

/** Where a mailbox is after a step. */
export type Moved = {
  address: string;
  /** Of its row: what the next transition compares. */
  generation: number;
  hold_until?: string | null;
  home: string;
  since: string;
  state: MoveState;
};

/** `GET /api/v1/moves?…`: listed mailboxes in the order of their address, those that match all. */
export type MovesQuery = {
  batch?: string | null;
  /** `next_cursor` of the page before. */
  cursor?: string | null;
  /** 1 to 1,000, else 200. */
  limit?: number | null;
  state?: MoveState | null;
};

/** `POST /api/v1/tokens` */
export type NewToken = {
  batches?: string[];
  domains?: string[];
  /** Up to ten years; left out: 90 days. */
  expires_in_seconds?: number | null;
  /** What it is for: 1 to 64 characters. */
  name: string;
  role: Role;
};

/** `POST /api/v1/users` */
export type NewUser = {
  batches?: string[];
  domains?: string[];
  /** 1 to 64 of `a-z 0-9 . _ - @`. */
  name: string;
  /** 12 characters or more. */
  password: string;
  role: Role;
};

/** `GET /api/v1/session/oidc/callback?…`: what the identity provider sends back by the browser. */
export type OidcCallbackQuery = {
  code?: string | null;
  /** Why there is no code. */
  error?: string | null;
  /** Who answers. */
  iss?: string | null;
  /** That of the sign-in that this browser has begun. */
  state?: string | null;
};

/** By an identity provider. */
export type OidcWay = {
  /** Whether the provider answers. If not, a local account still works. */
  available: boolean;
  /** What people know it by. */
  label: string;
  /** Where a browser goes to begin. */
  path: string;
};

/** An operator's word against what the probes say. */
export type Override = {
  by: string;
  reason: string;
  to: OverrideTo;
  /** `null`: until somebody says `auto`. */
  until?: string | null;
};

/** `PUT /api/v1/sites/{name}/override`. */
export type OverrideRequest = {
  /** Seconds from now after which it lapses; `null` for no end. At most 30 days. */
  for_seconds?: number | null;
  reason?: string;
  to: OverrideTo;
};

export type OverrideTo = "up" | "down" | "auto";

/** `POST /api/v1/users/{name}/password`. Ends the account's other sessions. */
export type PasswordChange = {
  /** The present one: wanted of whoever changes their own. */
  current?: string | null;
  password: string;
};

/** What removing would take away. */
export type PendingRemovals = {
  addresses: number;
  examples: string[];
  /** Addresses of the source now. */
  of_addresses: number;
  recipients: number;
};

/** A change of the table, before and after it is made. Rows: `GET /api/v1/plans/{id}/rows`. */
export type Plan = {
  added: number;
  approvers: string[];
  author: string;
  /** The table that it was made from. */
  base_generation: number;
  /** What must be met, confirmed or overridden before it can be applied, as of `checked_at`. */
  blocked: Blocked[];
  canary?: Canary | null;
  canary_progress?: CanaryProgress | null;
  changed: number;
  checked_at?: string | null;
  /** Text that one must repeat to apply it. */
  confirm?: string | null;
  created_at: string;
  /** A plan that is not applied by then is cancelled. */
  expires_at: string;
  /** Why it failed or was rolled back. */
  failure?: string | null;
  /** The table that it made. */
  generation?: number | null;
  id: string;
  impact: Impact[];
  not_before?: string | null;
  overrides: RailOverride[];
  /** SHA-256 of its rows, in hexadecimal. */
  plan_hash: string;
  reason?: string | null;
  /** Remarks about the file. */
  remarks: string[];
  removed: number;
  second_person: boolean;
  state: PlanState;
  ticket?: string | null;
  unchanged: number;
  warnings: Blocked[];
};

/** A plan has another state. */
export type PlanEvent = {
  at: string;
  id: string;
  /** As in `GET /api/v1/plans/{id}`. */
  state: string;
};

/** The newest first. */
export type PlanList = {
  next_cursor?: string | null;
  plans: Plan[];
};

/** `GET /api/v1/plans?…` */
export type PlanQuery = {
  cursor?: string | null;
  /** 1 to 1,000, else 200. */
  limit?: number | null;
  state?: PlanState | null;
};

/** `POST /api/v1/plans`. */
export type PlanRequest = {
  /** The generation that the author looked at; 412 if the table has moved on. */
  base_generation?: number | null;
  canary?: Canary | null;
  /** At most 10,000; more come as a file. */
  edits: TableEdit[];
  /** RFC 3339, or `2026-11-28T22:00` with `time_zone`. Applying it earlier schedules it. */
  not_before?: string | null;
  reason?: string | null;
  /** Wants the approval of somebody else, whatever the configuration says. */
  second_person?: boolean;
  ticket?: string | null;
  /** `Europe/Berlin`; UTC if not given. */
  time_zone?: string | null;
};

/**
 * How far a plan has come.
 *
 * ```text
 * checking ─> awaiting_approval ─> ready ─> scheduled ─> canary ─> applied
 *                                                          └─> rolled_back
 * any but the last four: cancelled; a scheduled one or a canary that cannot go on: failed
 * ```
 */
export type PlanState = "ready" | "awaiting_approval" | "applied" | "cancelled" | "failed" | "checking" | "scheduled" | "canary" | "rolled_back";

/** Rates since the point before. */
export type Point = {
  /** Messages. */
  accepted_per_second: number;
  at: string;
  /** Returned or expired. */
  bounced_per_second: number;
  deferred_per_second: number;
  /** Recipients, here and in the next two. */
  delivered_per_second: number;
  /** Messages that wait. */
  spool_messages: number;
};

/** `POST /api/v1/sites/{name}/probe`: an SMTP conversation up to `MAIL`, now. */
export type Probe = {
  ok: boolean;
  site: string;
  stages: ProbeStage[];
};

/** One step of a probe with one host. */
export type ProbeStage = {
  /** The reply, or what went wrong. */
  detail: string;
  host: string;
  milliseconds: number;
  ok: boolean;
  /** `connect`, `greeting`, `ehlo`, `starttls`, … */
  stage: string;
};

/**
 * The body of every answer that is not a success.
 *
 * `code` is for programs and never changes its meaning; `title` and `detail` are for people;
 * `hint` says what to do next. RFC 9457 §3.1 (`type` is `about:blank`, §4.2.1, so it is left out).
 */
export type Problem = {
  /** When `code` is `blocked`: each rail, and what to do about it. */
  blocked?: Blocked[];
  /**
   * `unauthorized`, `second_factor`, `forbidden`, `csrf`, `throttled`, `audit_unavailable`,
   * `idempotency_mismatch`, `idempotency_running`, `idempotency_unknown`, `idempotency_done`,
   * `not_found`, `method_not_allowed`, `conflict`, `invalid`, `too_large`,
   * `refused`, `blocked` (by a safety rail), `busy`, `timeout` or `internal`.
   */
  code: string;
  /** When `code` is `conflict`: each row that is no longer what was seen. */
  conflicts?: RowConflict[];
  detail?: string;
  /** Each mistake of the request, when there are several. */
  errors?: FieldError[];
  /** The generation of the table now, when `code` is `conflict`. */
  generation?: number | null;
  hint?: string | null;
  status: number;
  title: string;
};

/** One page of the queue. */
export type QueueList = {
  messages: QueuedMessage[];
  /** `null` on the last page. */
  next_cursor?: string | null;
};

/** `GET /api/v1/queue?…`: messages in the order of their id that have a matching recipient. */
export type QueueQuery = {
  /** `next_cursor` of the page before. */
  cursor?: string | null;
  /** Ids with commas between them. */
  ids?: string | null;
  /** 1 to 1,000, else 200. */
  limit?: number | null;
  older_than_seconds?: number | null;
  recipient?: string | null;
  sender?: string | null;
  site?: string | null;
  state?: QueueState | null;
};

export type QueueState = "active" | "deferred" | "held";

/** `GET /api/v1/queue/summary`: where mail waits and since when. */
export type QueueSummary = {
  /** Upper bounds of the ages in `Hop::by_age`, in seconds; the last column is what is older. */
  age_bounds_seconds: number[];
  bytes: number;
  hops: Hop[];
  messages: number;
  recipients: number;
  /** True while the spool is still being indexed after a start. */
  recovering: boolean;
};

/** A message with a recipient that is not settled. */
export type QueuedMessage = {
  accepted_at: string;
  age_seconds: number;
  id: string;
  /** The unsettled ones that match; all unsettled ones for `GET /api/v1/queue/messages/{id}`. */
  recipients: QueuedRecipient[];
  /** Empty for the null reverse-path. */
  reverse_path: string;
  size_bytes: number;
};

export type QueuedRecipient = {
  address: string;
  attempts: number;
  held_by?: string | null;
  /** The site or domain that it waits for. */
  hop: string;
  last_reply?: string | null;
  next_attempt_at?: string | null;
  /** Why it is held, or why the last attempt failed. */
  reason?: string | null;
  state: QueueState;
};

/** A safety rail: what a change of the table is held against before it is made. */
export type Rail = "site_not_healthy" | "batch_not_synced" | "freeze_window" | "large_change" | "domain_row" | "recipient_refused" | "loop" | "second_person";

/** Lets a change pass one rail. Goes into the revision and the log. */
export type RailOverride = {
  rail: Rail;
  /** At most 500 characters; not empty. */
  reason: string;
};

/** `GET /readyz`: may mail be sent here now? 200 when `ready`, else 503. */
export type Readiness = {
  checks: Check[];
  ready: boolean;
  /** For information: mail for a site that is down is taken all the same. */
  sites?: SiteHealth[];
};

/** One recipient of a directory. */
export type Recipient = {
  address: string;
  /** Its other addresses. */
  aliases: string[];
  /** Its objectGUID in hexadecimal digits, or what names it otherwise. */
  id: string;
  /**
   * `user`, `shared`, `room`, `equipment`, the same with `remote_`, `mail_user`, `contact`,
   * `group` or `other`.
   */
  kind: string;
  source: string;
  /** Where the directory sends its mail on. */
  target_address?: string | null;
  /** Its X.500 names, in lower case: mail to IMCEAEX addresses of them is for it. */
  x500: string[];
};

/** One page, by address. */
export type RecipientList = {
  next_cursor?: string | null;
  recipients: Recipient[];
};

/** `GET /api/v1/directory/recipients?…` */
export type RecipientQuery = {
  /** `next_cursor` of the page before. */
  cursor?: string | null;
  /** 1 to 1,000, else 200. */
  limit?: number | null;
  /** In any of its addresses, without case. */
  matching?: string | null;
  source?: string | null;
};

/** `POST /api/v1/reload`: what became of the new configuration. */
export type Reloaded = {
  /** Keys that changed and are in force. */
  applied: string[];
  /** Keys that changed in the file and wait for a restart. */
  needs_restart: string[];
};

/** A recipient whose mail would have gone elsewhere. */
export type Rerouted = {
  accepted_at: string;
  id: string;
  recipient: string;
  /** By the ledger; what is not delivered, by the table of now. */
  went: string;
  /** The conclusion that the changed table comes to. */
  why: string;
  would_go: string;
};

/** `POST /api/v1/moves/{address}/resolve`: what was found out about a delivery in doubt. */
export type Resolve = {
  /** `true`: the mailbox has it, and it is settled. `false`: it has not, and it is delivered. */
  delivered: boolean;
  /** Where it was found, or searched: goes into the ledger. */
  evidence?: string | null;
  message: string;
};

export type Resolved = {
  /** Recipients that were settled, or are no longer in doubt. */
  recipients: number;
};

/** What somebody may do. Each may do what those before it may. */
export type Role = "viewer" | "operator" | "approver" | "administrator";

/** `POST /api/v1/plans/rollback`: exactly one of the two generations. */
export type RollbackRequest = {
  reason?: string | null;
  ticket?: string | null;
  /** The table becomes what it was at this generation. */
  to_generation?: number | null;
  /** What this generation changed is taken back; rows that were changed since are conflicts. */
  undo_generation?: number | null;
};

/**
 * A row that is no longer what the caller saw. Of a plan: as it was then, as it is now, as the plan
 * wants it. Of a transition: its generation as the caller saw it and as it is now, and its state.
 */
export type RowConflict = {
  /** `null` when the mailbox is not listed. */
  actual?: number | null;
  address: string;
  base?: Entry | null;
  /** `null` where a whole batch was to be in one state. */
  expected?: number | null;
  state?: MoveState | null;
  theirs?: Entry | null;
  yours?: Entry | null;
};

/** What becomes of a row. */
export type RowKind = "add" | "change" | "remove" | "unchanged";

export type RowList = {
  next_cursor?: string | null;
  rows: Change[];
};

/** `GET /api/v1/plans/{id}/rows?…` */
export type RowQuery = {
  cursor?: string | null;
  kind?: RowKind | null;
  /** 1 to 1,000, else 200. */
  limit?: number | null;
};

/** Which recipients in the spool: those that match every field given. */
export type Selector = {
  /** Says that an empty selector is meant. */
  all?: boolean;
  /** Messages by id; empty is any. */
  ids?: string[];
  older_than_seconds?: number | null;
  /** An address, or `@domain` for all of a domain. */
  recipient?: string | null;
  /** An address, `@domain`, or `<>`. */
  sender?: string | null;
  /** A site's name, or the domain of a next hop found by MX. */
  site?: string | null;
  state?: QueueState | null;
};

/** Somebody who is signed in. */
export type Session = {
  created_at: string;
  /** The one that asks. */
  current: boolean;
  expires_at: string;
  id: string;
  last_used_at: string;
  name: string;
  role: Role;
  /** Where the login came from. */
  source: string;
};

export type SessionList = {
  sessions: Session[];
};

export type Severity = "info" | "warning" | "page";

/** `GET /api/v1/session/ways`: how one can sign in here. A local account and a token always work. */
export type SignInWays = {
  /** `null` if no identity provider is configured. */
  oidc?: OidcWay | null;
};

/**
 * `POST /api/v1/explain/simulate`: what would have become of yesterday's mail under a changed
 * table. Either `edits`, or the id of a plan.
 */
export type Simulate = {
  /** `next_cursor` of the page before. */
  cursor?: string | null;
  /** At most 10,000. */
  edits?: TableEdit[];
  /** Rows of `changed`: 1 to 1,000, else 200. */
  limit?: number | null;
  plan?: string | null;
  /** A time; without it, a day ago. */
  since?: string | null;
};

/** One page: what a part of the mail since then would have seen. */
export type Simulation = {
  /** Recipients whose mail would have gone elsewhere, in the order of acceptance. */
  changed: Rerouted[];
  /** Of the table that the edits were applied to. */
  generation: number;
  /** Looked at for this page. */
  messages_seen: number;
  /**
   * `null` when all mail since then has been looked at. A page may be empty and not the last:
   * one request looks at 100,000 messages at most.
   */
  next_cursor?: string | null;
  recipients_seen: number;
  since: string;
};

/** What routing and delivery know of one site. */
export type Site = {
  connections: number;
  connections_max: number;
  held_recipients: number;
  hosts: Host[];
  name: string;
  oldest_seconds?: number | null;
  override?: Override | null;
  /** Recipients that wait for this site, in all queues. */
  queued_recipients: number;
  /** Why it is in this state: the last failure, or the operator's reason. */
  reason?: string | null;
  since?: string | null;
  state: SiteState;
  tls: string;
};

/** A site has another state. */
export type SiteEvent = {
  name: string;
  reason?: string | null;
  since: string;
  state: SiteState;
};

/** A site and whether mail for it is attempted. */
export type SiteHealth = {
  name: string;
  state: SiteState;
};

/** `GET /api/v1/sites`. */
export type SiteList = {
  sites: Site[];
};

export type SiteState = "up" | "down" | "probing" | "held";

/** `GET /api/v1/stats`: the figures one looks at first. `/metrics` has all of them. */
export type Stats = {
  /** Since the start of the process, like the other totals. */
  accepted_messages: number;
  /** Recipients by queue. */
  active_recipients: number;
  bounced_recipients: number;
  deferred_recipients: number;
  delivered_recipients: number;
  discarded_recipients: number;
  expired_recipients: number;
  free_bytes: number;
  generation: number;
  held_recipients: number;
  oldest_seconds?: number | null;
  /** True while the spool is still being indexed after a start: the queue figures are then too low. */
  recovering: boolean;
  /** SMTP sessions open now. */
  sessions: number;
  spool_bytes: number;
  /** In the spool now. */
  spool_messages: number;
  started_at: string;
  table_entries: number;
  uptime_seconds: number;
};

/** One question and its answer. */
export type Step = {
  answer: string;
  /** From 1. */
  number?: number;
  question: string;
};

/** What happened to one message. */
export type Story = {
  accepted_at: string;
  helo?: string | null;
  id: string;
  listener: string;
  message_id?: string | null;
  peer?: string | null;
  recipients: StoryRecipient[];
  /** Empty for the null reverse-path. */
  reverse_path: string;
  size_bytes: number;
  tls?: string | null;
};

/** One thing that happened to one recipient. */
export type StoryEvent = {
  at: string;
  attempt?: number | null;
  /** The generation of the table that decided it. */
  generation?: number | null;
  /** The site or domain, and the server there. */
  hop?: string | null;
  host?: string | null;
  /** Who did it and why, the next attempt, the DSN's id: whatever else there is to say. */
  remark?: string | null;
  reply?: string | null;
  /**
   * `delivered`, `deferred`, `bounced`, `expired`, `discarded`, `held`, `released` or
   * `delay_notified`.
   */
  what: string;
};

export type StoryRecipient = {
  address: string;
  events: StoryEvent[];
  maybe_duplicate: boolean;
  /** `delivered`, `bounced`, `expired`, `discarded`, or its queue: `active`, `deferred`, `held`. */
  outcome: string;
};

/**
 * What one server-sent event carries. Its name (`event:`) is [`StreamEvent::name`], its data the
 * fields alone, as JSON on one line.
 */
export type StreamEvent = FlowEvent | TableEvent | SiteEvent | Alert | PlanEvent | Dropped;

/** `GET /api/v1/stream?…`: what is sent, and what of it. */
export type StreamQuery = {
  /** Flow of recipients that contain this, in any case. */
  recipient?: string | null;
  /** Flow and states of this site only. */
  site?: string | null;
  /** Of `flow`, `table`, `sites`, `alerts` and `plans`, with commas between; all if not given. */
  topics?: string | null;
};

/** The report of one mailbox; it takes the place of the one before. */
export type SyncOf = {
  address: string;
  items_done: number;
  items_total: number;
  last_sync_at?: string | null;
};

/** How far the copy of a mailbox is. */
export type SyncReport = {
  items_done: number;
  items_total: number;
  /** When the sidecar last had everything that there was, by its own clock. */
  last_sync_at?: string | null;
  /** When it said so, by ours. */
  reported_at: string;
};

/** `PUT /api/v1/moves/sync`: of at most 10,000 mailboxes that are listed. */
export type SyncReports = {
  reports: SyncOf[];
};

/** `POST /api/v1/directory/sources/{name}/sync`. */
export type SyncRequest = {
  /** Remove more than the bound allows, too. */
  accept_removals?: boolean;
  /** Say what it would do. */
  dry_run?: boolean;
};

export type SyncTaken = {
  /** Reports that were kept. */
  taken: number;
};

/** Rows that differ between two generations, by address. */
export type TableDiff = {
  from: number;
  next_cursor?: string | null;
  rows: Change[];
  to: number;
};

/** One edit of several that are made together. */
export type TableEdit = {
  address: string;
  entry: EntryPatch;
  op: "set";
} | {
  address: string;
  op: "remove";
};

/** `POST /api/v1/table/edits`: all of them or none, as one generation. At most 10,000. */
export type TableEdits = {
  /** Check and report, change nothing. */
  dry_run?: boolean;
  edits: TableEdit[];
  /** Only if this is still the generation, as with `If-Match`. */
  expect_generation?: number | null;
  /** Rails to pass; `reason` says why. */
  overrides?: Rail[];
  /** Goes into the history. */
  reason?: string | null;
};

/** The table has a new generation. */
export type TableEvent = {
  added: number;
  at: string;
  author: string;
  changed: number;
  generation: number;
  reason?: string | null;
  removed: number;
};

/** `GET /api/v1/table`; the `ETag` is the generation in quotes. */
export type TableInfo = {
  changed_at?: string | null;
  entries: number;
  generation: number;
};

/** A key for a program. */
export type Token = {
  batches: string[];
  created_at: string;
  created_by: string;
  domains: string[];
  expires_at?: string | null;
  /** Also in the token's text, so that a leaked one can be revoked by what is seen of it. */
  id: string;
  /** To ten minutes. */
  last_used_at?: string | null;
  name: string;
  role: Role;
};

export type TokenList = {
  tokens: Token[];
};

/** Each field is shown once. */
export type Totp = {
  /** After the first code: each opens the account once without the authenticator. */
  recovery_codes: string[];
  second_factor: boolean;
  /** Base 32, while it waits for its first code. */
  secret?: string | null;
  /** The same as an `otpauth:` URI. */
  uri?: string | null;
};

/**
 * `POST /api/v1/users/{name}/totp`: with nothing a new secret to scan, which counts once a `code`
 * of it was sent; with `remove` no second factor any more.
 */
export type TotpRequest = {
  code?: string | null;
  remove?: boolean;
};

/** `GET /api/v1/trace?id=…`: exactly one of the three is given. */
export type TraceQuery = {
  /** A sender or a recipient. */
  address?: string | null;
  /** The id that we gave it. */
  id?: string | null;
  /** Stories at most, newest first: 1 to 1,000, else 50. */
  limit?: number | null;
  /** The header field's value, with or without angle brackets. */
  message_id?: string | null;
};

/** What was found, newest first. */
export type Traced = {
  stories: Story[];
};

/** One mailbox, one step. */
export type Transition = {
  address: string;
  /** Of the row as the caller saw it. */
  generation: number;
  /**
   * Where it lives then. Only wanted where there is a choice: with more than two sites, at
   * `cutover → cloud` and on the way back.
   */
  home?: string | null;
  to: MoveState;
};

export type Transitioned = {
  /** The rails that the steps run into: those that let it pass, of a dry run all of them. */
  blocked: Blocked[];
  dry_run: boolean;
  /** Of the table. */
  generation: number;
  /** The mailboxes of the request as they are now; of a dry run, as they would be. */
  moves: Moved[];
};

/**
 * `POST /api/v1/moves/transitions`: either `moves`, at most 10,000, or `batch`, `from` and `to`.
 * All of them become one generation, or none.
 */
export type Transitions = {
  /** Every mailbox of this batch. */
  batch?: string | null;
  /** Of the report that justifies it: kept in the history, after the reason. */
  digest?: string | null;
  /** Say what would be done and what stands in the way, and do nothing. */
  dry_run?: boolean;
  from?: MoveState | null;
  moves?: Transition[];
  /** Rails that are to let the steps pass. */
  overrides?: RailOverride[];
  /** Goes into the history. */
  reason?: string | null;
  to?: MoveState | null;
};

/** A local account. */
export type User = {
  batches: string[];
  changed_at: string;
  created_at: string;
  created_by: string;
  /** A disabled account cannot sign in. */
  disabled: boolean;
  domains: string[];
  last_login_at?: string | null;
  name: string;
  recovery_codes_left: number;
  role: Role;
  /** Whether it has a confirmed authenticator. */
  second_factor: boolean;
};

export type UserList = {
  users: User[];
};

/** `PATCH /api/v1/users/{name}`: a field that is left out stays. Ends the account's sessions. */
export type UserPatch = {
  batches?: string[] | null;
  disabled?: boolean | null;
  domains?: string[] | null;
  role?: Role | null;
};

/**
 * `GET /api/v1/ledger/verify`: do all accepted recipients add up?
 *
 * `accepted` = `delivered + bounced + expired + discarded + queued`, all in recipients, unless
 * `problems` says what does not.
 */
export type Verification = {
  accepted: number;
  /** Messages and recipients for which a 250 was given, and our own DSNs. */
  accepted_messages: number;
  balanced: boolean;
  bounced: number;
  delivered: number;
  discarded: number;
  expired: number;
  /** Delivered recipients that may have got the message twice: the site's reply was lost. */
  maybe_duplicate: number;
  /** At most 1,000, each one sentence that names the message. */
  problems: string[];
  queued: number;
};

/** `GET /api/v1/version`. */
export type Version = {
  hostname: string;
  /** Always `causeway`. */
  name: string;
  started_at: string;
  version: string;
};

/** How somebody proved who they are. */
export type Via = "token" | "session" | "break_glass" | "oidc" | "none";

/** Who the caller is, for the gateway. */
export type Whoami = {
  /** Only rows of these batches; empty: of all. */
  batches: string[];
  /** Only addresses in these; empty: in all. */
  domains: string[];
  /** When the session or the token ends; `null`: never. */
  expires_at?: string | null;
  name: string;
  role: Role;
  /** Whether the account has a second factor; `null` if it is no account. */
  second_factor?: boolean | null;
  via: Via;
};

/** Every call of the API. */
export type Call =
  | "DELETE /api/v1/session"
  | "DELETE /api/v1/sessions/{name}"
  | "DELETE /api/v1/table/entries/{name}"
  | "DELETE /api/v1/tokens/{name}"
  | "DELETE /api/v1/users/{name}"
  | "GET /api/v1/alerts"
  | "GET /api/v1/audit"
  | "GET /api/v1/audit/export"
  | "GET /api/v1/audit/verify"
  | "GET /api/v1/configuration"
  | "GET /api/v1/directory"
  | "GET /api/v1/directory/drift"
  | "GET /api/v1/directory/recipients"
  | "GET /api/v1/directory/recipients/{name}"
  | "GET /api/v1/explain"
  | "GET /api/v1/ledger/verify"
  | "GET /api/v1/metrics/summary"
  | "GET /api/v1/moves"
  | "GET /api/v1/moves/{name}"
  | "GET /api/v1/openapi.json"
  | "GET /api/v1/plans"
  | "GET /api/v1/plans/{name}"
  | "GET /api/v1/plans/{name}/rows"
  | "GET /api/v1/queue"
  | "GET /api/v1/queue/messages/{name}"
  | "GET /api/v1/queue/messages/{name}/content"
  | "GET /api/v1/queue/summary"
  | "GET /api/v1/session"
  | "GET /api/v1/session/oidc"
  | "GET /api/v1/session/oidc/callback"
  | "GET /api/v1/session/ways"
  | "GET /api/v1/sessions"
  | "GET /api/v1/sites"
  | "GET /api/v1/stats"
  | "GET /api/v1/stream"
  | "GET /api/v1/table"
  | "GET /api/v1/table/diff"
  | "GET /api/v1/table/entries"
  | "GET /api/v1/table/entries/{name}"
  | "GET /api/v1/table/export"
  | "GET /api/v1/table/history"
  | "GET /api/v1/table/verify"
  | "GET /api/v1/tokens"
  | "GET /api/v1/trace"
  | "GET /api/v1/users"
  | "GET /api/v1/users/{name}"
  | "GET /api/v1/version"
  | "GET /livez"
  | "GET /metrics"
  | "GET /readyz"
  | "PATCH /api/v1/users/{name}"
  | "POST /api/v1/alerts/test"
  | "POST /api/v1/directory/sources/{name}/import"
  | "POST /api/v1/directory/sources/{name}/sync"
  | "POST /api/v1/explain/simulate"
  | "POST /api/v1/moves/transitions"
  | "POST /api/v1/moves/{name}/cut"
  | "POST /api/v1/moves/{name}/resolve"
  | "POST /api/v1/plans"
  | "POST /api/v1/plans/import"
  | "POST /api/v1/plans/rollback"
  | "POST /api/v1/plans/{name}/apply"
  | "POST /api/v1/plans/{name}/approve"
  | "POST /api/v1/plans/{name}/cancel"
  | "POST /api/v1/plans/{name}/check"
  | "POST /api/v1/queue/actions"
  | "POST /api/v1/reload"
  | "POST /api/v1/session"
  | "POST /api/v1/sites/{name}/probe"
  | "POST /api/v1/table/edits"
  | "POST /api/v1/table/import"
  | "POST /api/v1/tokens"
  | "POST /api/v1/users"
  | "POST /api/v1/users/{name}/password"
  | "POST /api/v1/users/{name}/totp"
  | "PUT /api/v1/moves/sync"
  | "PUT /api/v1/sites/{name}/override"
  | "PUT /api/v1/table/entries/{name}";
