/** Why a request is refused with 400, said to the client. The sections are where the rule is, or where it is left to the recipient. */
export const REFUSAL = {
  /** RFC 9112, 3 */
  requestLine: 'a malformed request line',
  /** RFC 9110, 9.1 */
  method: 'a method that is not known here',
  /** RFC 9112, 3.2 */
  fragment: 'a fragment in the request target',
  /** RFC 9112, 3.2 */
  target: 'a malformed request target',
  /** RFC 9112, 2.3 */
  version: 'a version that is not spoken here',
  /** RFC 9112, 3.2 */
  hostForm: 'a malformed Host',
  /** RFC 9112, 6.3 */
  lengthTwice: 'more than one Content-Length',
  /** RFC 9110, 8.6 */
  lengthForm: 'a malformed Content-Length',
  /** RFC 9112, 6.1 */
  codingTwice: 'more than one Transfer-Encoding',
  /** RFC 9112, 6.1 */
  codingInOld: 'Transfer-Encoding in HTTP/1.0',
  /** RFC 9112, 6.1 */
  coding: 'a Transfer-Encoding other than "chunked"',
  /** RFC 9112, 6.1 */
  bothLengths: 'both Transfer-Encoding and Content-Length',
  /** RFC 9112, 3.2 */
  hostTwice: 'more than one Host',
  /** RFC 9112, 3.2 */
  noHost: 'no Host',
  /** RFC 9112, 3.2.2 */
  otherTarget: 'a malformed request target, or one of another host than Host says',
  /** RFC 9112, 5.2 */
  folded: 'a line that begins with a space',
  /** RFC 9112, 5.1 */
  name: 'a malformed header name',
  /** RFC 9110, 5.5 */
  control: 'a control character in a header',
  /** RFC 9112, 2.2 */
  lineEnd: 'a line that does not end in CRLF',
  /** RFC 9110, 5.4 */
  count: 'too many headers',
  /** RFC 9112, 7.1 */
  chunk: 'a malformed chunk',
} as const;
export type Refusal = (typeof REFUSAL)[keyof typeof REFUSAL];
/** What may be wrong with header lines, of requests and answers. */
export type FieldRefusal = (typeof REFUSAL)['folded' | 'name' | 'control' | 'lineEnd' | 'count'];

/** Why an app's answer is refused, said with 502. The sections are where the rule is, or where it is left to the recipient. */
export const ANSWER_REFUSAL = {
  /** RFC 9112, 4 */
  start: 'it does not begin as HTTP/1',
  /** RFC 9112, 2.3 */
  version: 'its version is not HTTP/1.1 or HTTP/1.0',
  /** RFC 9110, 15 */
  status: 'its status is no number of three digits',
  /** RFC 9112, 4 */
  statusLine: 'its status line does not end in CRLF',
  /** RFC 9112, 6.3 */
  lengthTwice: 'it has more than one Content-Length',
  /** RFC 9110, 8.6 */
  lengthForm: 'its Content-Length is malformed',
  /** RFC 9112, 6.1 */
  coding: 'its Transfer-Encoding is other than "chunked"',
  /** RFC 9112, 6.3 */
  bothLengths: 'it has both Transfer-Encoding and Content-Length',
  folded: REFUSAL.folded,
  name: REFUSAL.name,
  control: REFUSAL.control,
  lineEnd: REFUSAL.lineEnd,
  count: REFUSAL.count,
} as const;
export type AnswerRefusal = (typeof ANSWER_REFUSAL)[keyof typeof ANSWER_REFUSAL];
