/**
 * What texts of the contract look like, as regular expressions, so that the generated JSON Schema carries them too. They hold without flags
 * other than `u`, look at every character (`.` would skip line ends) and have no nested repetition that could run away.
 */

/** A command line: something visible, no NUL (which no process can be given). */
export const COMMAND = /^[^\0]*[^\0\s][^\0]*$/u;

/** The path of a URL, with its query: one slash first (two would name a host), nothing that a request line cannot carry. */
export const URL_PATH = /^\/(?!\/)[!-"$-~]*$/u;

/** `/a/b`: what the proxy compares with a request's bytes, so that there is one way to write it. */
export const PATH_PREFIX = /^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~-]+)+$/u;

/** `a/b` or `a/b/`: no leading slash, no `.`, `..` or empty segment, no control characters. */
export const RELATIVE_PATH = /^(?!\.{1,2}(?:\/|$))[^/\p{Cc}]+(?:\/(?!\.{1,2}(?:\/|$))[^/\p{Cc}]+)*\/?$/u;

/** The rules of `git check-ref-format --branch`. */
export const BRANCH_NAME = /^(?![-./]|@$|HEAD$)(?![\s\S]*(?:\.\.|@\{|\/\/|\/\.|\.lock(?:\/|$)|[./]$))[^\p{Cc} ~^:?*[\\]+$/u;

/** A name that the operator may give to an instance; the names that Greenroom sets are not among them. */
export const ENV_NAME = /^(?!GREENROOM|PORT$|INTERNAL_PORT$|INTERNAL_SOCKET$)[A-Za-z_][A-Za-z0-9_]*$/u;

export const ENV_VALUE = /^[^\0]*$/u;

/** A token of RFC 9110. */
export const HEADER_NAME = /^[!#-'*+\-.0-9A-Z^_`a-z|~]+$/u;

export const HEADER_VALUE = /^[\t -~\u0080-\u00ff]*$/u;

/** Any environment variable of the operator's, those that begin with GREENROOM included. */
export const OPERATOR_ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/u;

/** One plain e-mail address; what it names is for the mail server to judge. */
export const EMAIL_ADDRESS = /^[^\s@<>,;:"()[\]\\\p{Cc}]{1,64}@[^\s@<>,;:"()[\]\\\p{Cc}]{1,255}$/u;

/** Name of a rule of the operator's own. */
export const RULE_NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/u;

/** What the gate prints for a secret, to tell it from others without showing it. */
export const FINGERPRINT = /^[0-9a-f]{16}$/u;

/** One way to write it (lower case, no dot at the end), so that two apps with one host are recognised; `*.` only as the first label. */
export const HOST_NAME = /^(?=.{1,253}$)(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/u;

/** A path that means itself inside another program's configuration file too. */
export const ABSOLUTE_PATH = /^(?:\/(?!\.{1,2}(?:\/|$))[^/\p{Cc}"'`\\$;#{}]+)+$/u;

export const CADDY_ADMIN = /^(?:unix\/\/[^\s|]+|http:\/\/(?:127\.0\.0\.1|localhost|\[::1\]):\d{1,5})$/u;

/** What `useradd` takes without being told to: never a number, which would be looked up as an id. */
export const USER_NAME = /^[A-Za-z_][A-Za-z0-9_.-]{0,31}$/u;

/** An absolute path, or one below the home: `~/…`. */
export const SANDBOX_PATH = /^~?(?:\/(?!\.{1,2}(?:\/|$))[^/\p{Cc}]+)+$/u;

/** Registry, path, tag and digest of an image; nothing that a command line could take for an option. */
export const IMAGE_NAME = /^[A-Za-z0-9][A-Za-z0-9._/:@-]{0,254}$/u;

/** `a/b`, as RELATIVE_PATH but for a file, and nothing that a command line could take for an option. */
export const RELATIVE_FILE = /^(?!-)(?!\.{1,2}(?:\/|$))[^/\p{Cc}]+(?:\/(?!\.{1,2}(?:\/|$))[^/\p{Cc}]+)*$/u;
