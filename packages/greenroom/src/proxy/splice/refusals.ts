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
