/** What a visitor's browser does: load the page, fill in the form with the token and the cookie that came with it, send it. */
export async function signGuestbook(url: string, author: string, text: string): Promise<void> {
  const page = await fetch(url);
  const token = /name="form_token" value="([^"]+)"/.exec(await page.text())?.[1] ?? '';
  const cookie = page.headers.get('set-cookie')?.split(';')[0] ?? '';
  const sent = await fetch(`${url}/messages`, {
    method: 'POST',
    redirect: 'manual',
    headers: { cookie },
    body: new URLSearchParams({ author, text, form_token: token }),
  });
  if (sent.status !== 303) throw new Error(`the guestbook answered a signature with ${sent.status}`);
}

export async function readPage(url: string): Promise<string> {
  return await (await fetch(url)).text();
}
