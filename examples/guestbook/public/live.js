// Adds new messages as they come, and says when another version of the app has taken over.
// The browser reconnects by itself when a version that is being replaced ends the stream.
const list = document.querySelector('#messages');
const events = new EventSource(`/events?after=${list.dataset.newest}`);

events.addEventListener('message', (event) => {
  const message = JSON.parse(event.data);
  if (message.id <= Number(list.dataset.newest)) return;
  list.dataset.newest = message.id;
  document.querySelector('#empty')?.remove();
  list.prepend(entry(message));
});

events.addEventListener('release', (event) => {
  const release = JSON.parse(event.data);
  if (release.commit === list.dataset.commit) return;
  const link = document.createElement('a');
  link.href = '/';
  link.textContent = 'Load it.';
  document.querySelector('#update').replaceChildren(`A new version is live (${release.commit.slice(0, 7)}). `, link);
});

function entry(message) {
  const item = document.createElement('li');
  const text = document.createElement('p');
  text.textContent = message.text;
  const about = document.createElement('p');
  about.className = 'quiet';
  const time = document.createElement('time');
  time.dateTime = message.at;
  time.textContent = `${message.at.slice(0, 16).replace('T', ' ')} UTC`;
  about.append(`${message.author} · `, time);
  item.append(text, about);
  return item;
}
