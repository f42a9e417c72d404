// The sign-in page: a token for a session, then back to where one came from.

import { session, signIn } from './api.js';
import { find, icon, put } from './dom.js';

const form = find('#signin'), field = find('#tok'), error = find('#tokerr');
const query = new URLSearchParams(location.search);

/** Where to go afterwards: a page of this scheduler, and of no other site. */
function goal() {
  const home = new URL('index.html', location.href), root = new URL('../../', location.href);
  const back = query.get('back') ?? '';
  let to;
  try { to = new URL(back, location.href); } catch { return home.href; }
  const ours = to.origin === home.origin && to.pathname.startsWith(root.pathname) && !to.pathname.startsWith(`${root.pathname}api/`);
  return ours && to.pathname !== location.pathname ? to.href : home.href;
}

function tell(text) {
  put(error, text ? [icon('i-off'), text] : []);
  if (text) field.setAttribute('aria-invalid', 'true'); else field.removeAttribute('aria-invalid');
}

form.addEventListener('submit', async event => {
  event.preventDefault();
  const token = field.value.trim();
  if (!token) { tell('Enter the token that you were given.'); field.focus(); return; }
  const button = find('button', form);
  button.disabled = true;
  try {
    await signIn(token);
    location.replace(goal());
  } catch (problem) {
    tell(problem.status === 401 ? 'This token is not known. Check that it is whole, or ask for a new one.' : problem.text);
    button.disabled = false;
    field.select();
  }
});

if (query.get('reason') === 'expired') tell('You were signed out after 30 days. Sign in again; you come back to this page.');
session().then(told => {
  if (told.name) put(find('#where'), 'to the scheduler ', told.name);
  if (!told.auth || told.signed_in) location.replace(goal());
}).catch(() => { /* without an answer the form says it when it is sent */ });
field.focus();
