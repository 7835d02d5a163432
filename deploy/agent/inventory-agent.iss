; Inno Setup 6: the agent's installer for Windows 10, Windows Server 2016 and later.
; Build inventory-agent.exe first (README.md beside this file), then: iscc inventory-agent.iss
; Without questions: inventory-agent-setup.exe /VERYSILENT /URL=https://... /TOKEN=... /SITE="Acme"

#define Version "1.0.0"
#define Program "inventory-agent.exe"

[Setup]
AppId={{6F1C6E0B-2C0B-4B34-9B62-0B7C4A7F3D11}
AppName=Inventory Hub agent
AppVersion={#Version}
AppPublisher=Inventory Hub contributors
DefaultDirName={autopf}\Inventory Hub Agent
DisableProgramGroupPage=yes
DisableDirPage=yes
PrivilegesRequired=admin
ArchitecturesAllowed=x64compatible
ArchitecturesInstallIn64BitMode=x64compatible
MinVersion=10.0
OutputDir=..\..\dist
OutputBaseFilename=inventory-agent-setup
Compression=lzma2
SolidCompression=yes
UninstallDisplayIcon={app}\{#Program}

[Files]
Source: "..\..\dist\{#Program}"; DestDir: "{app}"; Flags: ignoreversion

[UninstallRun]
Filename: "{app}\{#Program}"; Parameters: "uninstall"; Flags: runhidden; RunOnceId: "service"

[Code]
var
  Page: TInputQueryWizardPage;

procedure InitializeWizard;
begin
  Page := CreateInputQueryPage(wpWelcome, 'Server', 'Where does this machine report?',
    'Left empty, what an earlier installation was given stays as it is.');
  Page.Add('Address, for example https://inventory.example.com', False);
  Page.Add('Enrolment token of the site', True);
  Page.Add('Site (the customer''s name)', False);
  Page.Values[0] := ExpandConstant('{param:URL}');
  Page.Values[1] := ExpandConstant('{param:TOKEN}');
  Page.Values[2] := ExpandConstant('{param:SITE}');
end;

function PrepareToInstall(var NeedsRestart: Boolean): String;
var
  Code: Integer;
begin
  { A running service holds its program; net waits until it has stopped. }
  Exec(ExpandConstant('{sys}\net.exe'), 'stop InventoryHubAgent', '', SW_HIDE, ewWaitUntilTerminated, Code);
  Result := '';
end;

procedure Keep(Path, Key, Value: String);
begin
  if Value <> '' then
    SetIniString('agent', Key, Value, Path);
end;

procedure CurStepChanged(CurStep: TSetupStep);
var
  Folder, Path: String;
  Code: Integer;
begin
  if CurStep <> ssPostInstall then
    exit;
  Folder := ExpandConstant('{commonappdata}\Inventory Hub Agent');
  Path := Folder + '\agent.ini';
  ForceDirectories(Folder);
  { For the system and administrators only, before there is a secret in it. }
  if not Exec(ExpandConstant('{sys}\icacls.exe'),
      '"' + Folder + '" /inheritance:r /grant:r *S-1-5-18:(OI)(CI)F *S-1-5-32-544:(OI)(CI)F',
      '', SW_HIDE, ewWaitUntilTerminated, Code) or (Code <> 0) then
    RaiseException('The folder ' + Folder + ' could not be closed to others.');
  Keep(Path, 'url', Page.Values[0]);
  Keep(Path, 'token', Page.Values[1]);
  Keep(Path, 'site', Page.Values[2]);
  if not Exec(ExpandConstant('{app}\{#Program}'), 'install', '', SW_HIDE, ewWaitUntilTerminated, Code)
      or (Code <> 0) then
    RaiseException('The service could not be made: run "inventory-agent.exe install" in '
      + ExpandConstant('{app}') + ' to read why.');
end;
