import { spawn } from 'node:child_process';

/** Opens an address in the person's browser. Where there is none, the printed address is enough. */
export function openInBrowser(address: string): void {
  const [command, ...words] =
    process.platform === 'darwin' ? ['open'] : process.platform === 'win32' ? ['explorer'] : ['xdg-open'];
  spawn(command ?? 'xdg-open', [...words, address], { stdio: 'ignore', detached: true })
    .on('error', () => {})
    .unref();
}
